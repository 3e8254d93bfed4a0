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
/// Code on a loop never overlaps with itself, so what lives on it needs no locks. Others reach it
/// through its mailbox, whose tasks are taken in batches: many senders cost the loop one wake-up.
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

  /// [any loop] Runs `task` on this loop, after those that came before it. For what the node itself
  /// has to do, of which there is never more than one a session or a second.
  void post(Task task);

  /// [any loop] The same for what others send: refused, with nothing done, while the mailbox holds
  /// `mailbox_bytes_max`. `bytes` is about what the task keeps in memory beside itself.
  [[nodiscard]] bool offer(Task task, std::size_t bytes);

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

  /// Some seconds of a full loop's work: who finds that much waiting is better told now.
  static constexpr std::size_t mailbox_bytes_max = 16 << 20;

 private:
  void arm_tick();
  bool enter(Task& task, std::size_t bytes, std::size_t bytes_max);
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
  std::vector<Task> mailbox_;      // Under mailbox_mutex_, …
  std::size_t mailbox_bytes_ = 0;  // … this too.
  std::vector<Task> batch_;

  std::vector<std::shared_ptr<Flushable>> dirty_;
  std::vector<std::shared_ptr<Flushable>> flushing_;
  bool flush_posted_ = false;
  std::thread thread_;
};

}  // namespace server
