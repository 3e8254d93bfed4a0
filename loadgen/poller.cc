#include "loadgen/poller.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <ctime>
#include <utility>

namespace loadgen {

Poller::Poller() : ready_(512) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  assert(epoll_ >= 0 && wake_ >= 0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // The wake-up has no watcher.
  [[maybe_unused]] const int added = epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
  assert(added == 0);
}

Poller::~Poller() {
  close(wake_);
  close(epoll_);
}

bool Poller::add(int fd, std::uint32_t events, Watcher& watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &watcher;
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void Poller::change(int fd, std::uint32_t events, Watcher& watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &watcher;
  [[maybe_unused]] const int changed = epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
  assert(changed == 0);
}

void Poller::remove(int fd, Watcher& watcher) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  for (int i = ready_at_; i < ready_count_; ++i) {
    if (ready_[static_cast<std::size_t>(i)].data.ptr == &watcher) {
      ready_[static_cast<std::size_t>(i)].events = 0;
    }
  }
}

void Poller::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  // A full counter means that a wake-up is pending, which is all we want.
  [[maybe_unused]] const auto size = write(wake_, &one, sizeof(one));
}

void Poller::run_posted() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) task();
}

void Poller::turn(std::chrono::microseconds wait) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait);
  timespec limit{};
  limit.tv_sec = seconds.count();
  limit.tv_nsec = std::chrono::nanoseconds(wait - seconds).count();
  // The plain epoll_wait counts in milliseconds: late by up to one, or spinning through it.
  ready_count_ =
      epoll_pwait2(epoll_, ready_.data(), static_cast<int>(ready_.size()), &limit, nullptr);
  if (ready_count_ < 0 && errno == ENOSYS) {  // Linux before 5.11.
    const auto millis = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
    ready_count_ = epoll_wait(epoll_, ready_.data(), static_cast<int>(ready_.size()),
                              static_cast<int>(millis));
  }
  bool woken = false;
  for (ready_at_ = 0; ready_at_ < ready_count_;) {
    const epoll_event event = ready_[static_cast<std::size_t>(ready_at_++)];
    if (event.data.ptr == nullptr) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto size = read(wake_, &count, sizeof(count));
      woken = true;
    } else if (event.events != 0) {
      static_cast<Watcher*>(event.data.ptr)->on_ready(event.events);
    }
  }
  ready_count_ = 0;
  ready_at_ = 0;
  if (woken) run_posted();
}

}  // namespace loadgen
