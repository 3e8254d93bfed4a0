#pragma once

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "server/loop/descriptor.h"

namespace server {

namespace asio = boost::asio;

/// One event loop: an epoll set and one thread, the home of the sessions that it accepted.
///
/// A turn waits for descriptors, tells those who watch them, runs the mailbox and what is due, and
/// flushes what all of that produced. Code on a loop never overlaps with itself, so what lives on
/// it needs no locks. Others reach it through its mailbox, whose tasks are taken in batches: many
/// senders cost the loop one wake-up, and none while it is awake.
///
/// Asio's coroutines run on it by executor(); its sockets and timers do not: a turn of their
/// reactor costs two system calls a message more than the message needs (design 0013).
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

  /// What is told that a descriptor is ready; see `watch()`.
  class Watcher {
   public:
    /// `events` as of epoll: those asked for, and EPOLLERR and EPOLLHUP asked or not. Comes again
    /// each turn while it is so. May come for nothing.
    virtual void on_ready(std::uint32_t events) = 0;

   protected:
    ~Watcher() = default;
  };

  explicit Loop(std::size_t index);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  std::size_t index() const { return index_; }

  /// [any loop] Runs coroutines and completions on this loop, through its mailbox.
  asio::any_io_executor executor();

  /// Tells `watcher`, which is kept alive meanwhile, of `events` on a descriptor; once more for the
  /// same descriptor: changes what it is told of. Errors: those of the system, when it has no room.
  boost::system::error_code watch(int descriptor, std::uint32_t events,
                                  std::shared_ptr<Watcher> watcher);

  /// Ends that. Before the descriptor is closed.
  void unwatch(int descriptor);

  /// Runs `task` after `wait`. There is no taking it back. For rare things: it is not for each
  /// session to have one.
  void after(std::chrono::nanoseconds wait, Task task);

  /// The same for a coroutine of this loop.
  asio::awaitable<void> delay(std::chrono::nanoseconds wait);

  /// [any loop] Runs `task` on this loop, after those that came before it. For what the node itself
  /// has to do, of which there is never more than one a session or a second.
  void post(Task task);

  /// [any loop] The same for what others send: refused, with nothing done, while the mailbox holds
  /// `mailbox_bytes_max`. `bytes` is about what the task keeps in memory beside itself.
  [[nodiscard]] bool offer(Task task, std::size_t bytes);

  /// Calls `object.flush()` once at the end of this turn, so that all that a turn produced for one
  /// connection leaves in one write. The object must not be destroyed before: it is kept by
  /// `owner`.
  void flush_later(std::shared_ptr<Flushable> object) { dirty_.push_back(std::move(object)); }

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

  /// Instead of start(), for tests: takes turns on the calling thread until there is nothing to do.
  void poll();

  static constexpr auto tick_interval = std::chrono::milliseconds(250);

  /// Some seconds of a full loop's work: who finds that much waiting is better told now.
  static constexpr std::size_t mailbox_bytes_max = 16 << 20;

 private:
  class Executor;

  bool turn(bool may_wait);  // True if there was something to do.
  int wait_ms();
  void tick();
  void ring();
  bool enter(Task& task, std::size_t bytes, std::size_t bytes_max);
  bool drain_mailbox();
  bool run_due();
  void flush_all();

  const std::size_t index_;
  asio::execution_context context_;  // Asio's name for where an executor runs things.
  Descriptor epoll_;
  Descriptor bell_;                                 // Rung for a loop that waits.
  std::vector<std::shared_ptr<Watcher>> watchers_;  // By descriptor.
  std::multimap<std::chrono::steady_clock::time_point, Task> timers_;
  std::vector<std::function<void()>> ticks_;
  std::chrono::steady_clock::time_point now_ = std::chrono::steady_clock::now();
  std::atomic<std::int64_t> last_tick_;
  std::unique_ptr<std::array<char, 65536>> read_buffer_;

  std::mutex mailbox_mutex_;
  std::vector<Task> mailbox_;      // Under mailbox_mutex_, …
  std::size_t mailbox_bytes_ = 0;  // … this too, …
  bool is_waiting_ = false;        // … and whether the thread waits, or is about to, unrung.
  std::vector<Task> batch_;

  std::vector<std::shared_ptr<Flushable>> dirty_;
  std::vector<std::shared_ptr<Flushable>> flushing_;
  std::atomic<bool> is_stopping_ = false;
  std::thread thread_;
};

}  // namespace server
