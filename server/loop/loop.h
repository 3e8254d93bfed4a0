#pragma once

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace server {

namespace asio = boost::asio;

/// One event loop: an `io_context` run by one thread, the home of the sessions that it accepted.
///
/// Code on a loop never overlaps with itself, so what lives on it needs no locks. Loops talk
/// through `post()`, whose tasks are taken in batches: many senders cost the loop one wake-up.
///
/// Threads: everything belongs to the loop's own thread unless marked [any loop].
class Loop {
 public:
  using Task = std::function<void()>;

  /// What asks to be called at the end of a turn; see `flush_later()`.
  class Flushable {
   public:
    virtual void flush() = 0;

   protected:
    ~Flushable() = default;
  };

  explicit Loop(std::size_t index);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  asio::io_context& context() { return context_; }
  std::size_t index() const { return index_; }

  /// [any loop] Runs `task` on this loop, after those posted before it.
  void post(Task task);

  /// Calls `object.flush()` once at the end of this turn, so that all that a turn produced for one
  /// connection leaves in one write. The object must not be destroyed before: it is kept by
  /// `owner`.
  void flush_later(std::shared_ptr<Flushable> object);

  /// Calls `tick` about every `tick_interval`, for the loop's life.
  void on_tick(std::function<void()> tick) { ticks_.push_back(std::move(tick)); }

  /// The loop's clock, read once a tick: for deadlines that need no better than `tick_interval`.
  std::chrono::steady_clock::time_point now() const { return now_; }

  /// [any loop] When the loop last ticked: a stale value means that it is stuck.
  std::chrono::steady_clock::time_point last_tick() const {
    return std::chrono::steady_clock::time_point(
        std::chrono::steady_clock::duration(last_tick_.load(std::memory_order_relaxed)));
  }

  /// Shared by all connections of this loop while they read: none of them owns a buffer.
  std::array<char, 65536>& read_buffer() { return *read_buffer_; }

  /// Starts the thread. Once.
  void start();

  /// [any loop] Lets the turn end, drops what is waiting, joins the thread. Not from the loop
  /// itself.
  void stop();

  static constexpr auto tick_interval = std::chrono::milliseconds(250);

 private:
  void arm_tick();
  void drain_mailbox();
  void flush_all();

  const std::size_t index_;
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer timer_;
  std::vector<std::function<void()>> ticks_;
  std::chrono::steady_clock::time_point now_ = std::chrono::steady_clock::now();
  std::atomic<std::int64_t> last_tick_;
  std::unique_ptr<std::array<char, 65536>> read_buffer_;

  std::mutex mailbox_mutex_;
  std::vector<Task> mailbox_;
  std::vector<Task> batch_;

  std::vector<std::shared_ptr<Flushable>> dirty_;
  std::vector<std::shared_ptr<Flushable>> flushing_;
  bool flush_posted_ = false;
  std::thread thread_;
};

}  // namespace server
