#include "server/loop/loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <limits>
#include <utility>

namespace server {

Loop::Loop(std::size_t index)
    : index_(index),
      context_(1),
      work_(context_.get_executor()),
      timer_(context_),
      last_tick_(std::chrono::steady_clock::now().time_since_epoch().count()),
      read_buffer_(std::make_unique<std::array<char, 65536>>()) {}

Loop::~Loop() { stop(); }

void Loop::post(Task task) { enter(task, 0, std::numeric_limits<std::size_t>::max()); }

bool Loop::offer(Task task, std::size_t bytes) {
  return enter(task, bytes + sizeof task, mailbox_bytes_max);
}

bool Loop::enter(Task& task, std::size_t bytes, std::size_t bytes_max) {
  bool wake = false;
  {
    std::lock_guard lock(mailbox_mutex_);
    if (mailbox_bytes_ >= bytes_max) return false;
    wake = mailbox_.empty();
    mailbox_.push_back(std::move(task));
    mailbox_bytes_ += bytes;
  }
  // Whoever finds the mailbox empty rings; the others' tasks ride along.
  if (wake) asio::post(context_, [this] { drain_mailbox(); });
  return true;
}

void Loop::drain_mailbox() {
  {
    std::lock_guard lock(mailbox_mutex_);
    batch_.swap(mailbox_);
    mailbox_bytes_ = 0;
  }
  for (Task& task : batch_) task();
  batch_.clear();
}

void Loop::flush_later(std::shared_ptr<Flushable> object) {
  dirty_.push_back(std::move(object));
  if (std::exchange(flush_posted_, true)) return;
  asio::post(context_, [this] { flush_all(); });
}

void Loop::flush_all() {
  flush_posted_ = false;
  flushing_.swap(dirty_);
  for (auto& object : flushing_) object->flush();
  flushing_.clear();
}

void Loop::arm_tick() {
  timer_.expires_after(tick_interval);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    now_ = std::chrono::steady_clock::now();
    last_tick_.store(now_.time_since_epoch().count(), std::memory_order_relaxed);
    for (auto& tick : ticks_) tick();
    arm_tick();
  });
}

void Loop::start() {
  thread_ = std::thread([this] {
    arm_tick();
    context_.run();
  });
}

void Loop::stop() {
  if (!thread_.joinable()) return;
  work_.reset();
  context_.stop();
  thread_.join();
}

}  // namespace server
