#include "server/loop/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cassert>
#include <cerrno>
#include <limits>
#include <utility>

namespace server {
namespace {

constexpr int events_per_turn = 128;

/// A task can be copied, what Asio hands over cannot.
template <class Function>
Loop::Task task_of(Function&& function) {
  auto kept = std::make_shared<std::decay_t<Function>>(std::forward<Function>(function));
  return [kept] { std::move (*kept)(); };
}

}  // namespace

/// The loop's mailbox as Asio wants it.
class Loop::Executor {
 public:
  explicit Executor(Loop& loop) : loop_(&loop) {}

  asio::execution_context& query(asio::execution::context_t) const noexcept {
    return loop_->context_;
  }
  static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    return asio::execution::blocking.never;
  }
  Executor require(asio::execution::blocking_t::never_t) const noexcept { return *this; }

  template <class Function>
  void execute(Function&& function) const {
    loop_->post(task_of(std::forward<Function>(function)));
  }

  bool operator==(const Executor&) const noexcept = default;

 private:
  Loop* loop_;
};

Loop::Loop(std::size_t index)
    : index_(index),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      last_tick_(std::chrono::steady_clock::now().time_since_epoch().count()),
      read_buffer_(std::make_unique<std::array<char, 65536>>()) {
  assert(epoll_ && bell_);
  // Edge-triggered: each ring is an event of its own, and the count is never read.
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.fd = bell_.number()}};
  ::epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, bell_.number(), &event);
}

Loop::~Loop() {
  stop();
  // What is dropped may hold the last reference to something that still uses this loop; and Asio
  // posts the end of a coroutine that is dropped.
  do {
    std::exchange(mailbox_, {}).clear();
    std::exchange(timers_, {}).clear();
    std::exchange(dirty_, {}).clear();
    std::exchange(watchers_, {}).clear();
  } while (!mailbox_.empty());
}

asio::any_io_executor Loop::executor() { return Executor(*this); }

boost::system::error_code Loop::watch(int descriptor, std::uint32_t events,
                                      std::shared_ptr<Watcher> watcher) {
  const auto at = static_cast<std::size_t>(descriptor);
  if (watchers_.size() <= at) watchers_.resize(std::max(at + 1, watchers_.size() * 2));
  const int operation = watchers_[at] == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  epoll_event event{.events = events, .data = {.fd = descriptor}};
  if (::epoll_ctl(epoll_.number(), operation, descriptor, &event) != 0) {
    return {errno, boost::system::system_category()};
  }
  watchers_[at] = std::move(watcher);
  return {};
}

void Loop::unwatch(int descriptor) {
  const auto at = static_cast<std::size_t>(descriptor);
  if (at >= watchers_.size() || watchers_[at] == nullptr) return;
  ::epoll_ctl(epoll_.number(), EPOLL_CTL_DEL, descriptor, nullptr);
  // Not inside of the vector: what goes with it may watch something.
  const std::shared_ptr<Watcher> gone = std::exchange(watchers_[at], nullptr);
}

void Loop::after(std::chrono::nanoseconds wait, Task task) {
  timers_.emplace(std::chrono::steady_clock::now() + wait, std::move(task));
}

asio::awaitable<void> Loop::delay(std::chrono::nanoseconds wait) {
  auto resume_after = [this, wait](auto handler) { after(wait, task_of(std::move(handler))); };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(resume_after,
                                                                       asio::use_awaitable);
}

void Loop::post(Task task) { enter(task, 0, std::numeric_limits<std::size_t>::max()); }

bool Loop::offer(Task task, std::size_t bytes) {
  return enter(task, bytes + sizeof task, mailbox_bytes_max);
}

bool Loop::enter(Task& task, std::size_t bytes, std::size_t bytes_max) {
  bool must_ring = false;
  {
    std::lock_guard lock(mailbox_mutex_);
    if (mailbox_bytes_ >= bytes_max) return false;
    mailbox_.push_back(std::move(task));
    mailbox_bytes_ += bytes;
    must_ring = std::exchange(is_waiting_, false);
  }
  if (must_ring) ring();
  return true;
}

void Loop::ring() {
  const std::uint64_t once = 1;
  [[maybe_unused]] const ssize_t written = ::write(bell_.number(), &once, sizeof once);
}

bool Loop::drain_mailbox() {
  {
    std::lock_guard lock(mailbox_mutex_);
    is_waiting_ = false;
    batch_.swap(mailbox_);
    mailbox_bytes_ = 0;
  }
  if (batch_.empty()) return false;
  for (Task& task : batch_) task();
  batch_.clear();
  return true;
}

bool Loop::run_due() {
  if (timers_.empty()) return false;
  const auto now = std::chrono::steady_clock::now();
  bool was_any = false;
  while (!timers_.empty() && timers_.begin()->first <= now) {
    auto due = timers_.extract(timers_.begin());
    due.mapped()();
    was_any = true;
  }
  return was_any;
}

void Loop::flush_all() {
  flushing_.swap(dirty_);
  for (auto& object : flushing_) object->flush();
  flushing_.clear();
}

int Loop::wait_ms() {
  if (!dirty_.empty()) return 0;
  {
    std::lock_guard lock(mailbox_mutex_);
    if (!mailbox_.empty() || is_stopping_) return 0;
    is_waiting_ = true;
  }
  if (timers_.empty()) return -1;
  const auto left = timers_.begin()->first - std::chrono::steady_clock::now();
  return std::max(0, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
}

bool Loop::turn(bool may_wait) {
  std::array<epoll_event, events_per_turn> events;
  const int count =
      ::epoll_wait(epoll_.number(), events.data(), events_per_turn, may_wait ? wait_ms() : 0);
  bool was_busy = !dirty_.empty();
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const auto at = static_cast<std::size_t>(event.data.fd);
    // An earlier one of this turn may have ended it; then it is gone, or is another's for nothing.
    if (at >= watchers_.size() || watchers_[at] == nullptr) continue;
    const std::shared_ptr<Watcher> watcher = watchers_[at];
    watcher->on_ready(event.events);
    was_busy = true;
  }
  was_busy = drain_mailbox() || was_busy;
  was_busy = run_due() || was_busy;
  flush_all();
  return was_busy;
}

void Loop::poll() {
  while (turn(false)) {
  }
}

void Loop::tick() {
  now_ = std::chrono::steady_clock::now();
  last_tick_.store(now_.time_since_epoch().count(), std::memory_order_relaxed);
  for (auto& tick : ticks_) tick();
  after(tick_interval, [this] { tick(); });
}

void Loop::start() {
  thread_ = std::thread([this] {
    after(tick_interval, [this] { tick(); });
    while (!is_stopping_) turn(true);
  });
}

void Loop::stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mailbox_mutex_);
    is_stopping_ = true;
  }
  ring();
  thread_.join();
}

}  // namespace server
