#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace loadgen {

/// Told when a file descriptor is ready. Spurious calls happen: read until it would block.
class Watcher {
 public:
  virtual void on_ready(std::uint32_t epoll_events) = 0;

 protected:
  ~Watcher() = default;
};

/// One thread's epoll: level-triggered readiness, and work posted from other threads.
///
/// Bare epoll and not Asio, because a generator's client is a compact state machine that owns no
/// buffer while it waits: one pointer in the kernel is all that a readiness wait costs here, where
/// an Asio operation allocates for each wait.
/// Threads: all members on the one thread that runs it, but `post` [any thread].
class Poller {
 public:
  /// Asserts that the kernel gives an epoll and an event descriptor; the machine check runs first.
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// False when the kernel refuses (watch limit reached).
  [[nodiscard]] bool add(int fd, std::uint32_t events, Watcher& watcher);
  void change(int fd, std::uint32_t events, Watcher& watcher);
  /// After this, no event of the running turn reaches `watcher` any more.
  void remove(int fd, Watcher& watcher);

  /// [any thread] Runs `task` on the polling thread, in order of posting. Bounded by its callers:
  /// the conductor posts a handful a second.
  void post(std::function<void()> task);

  /// Waits at most `wait`, then serves what is ready and what was posted.
  void turn(std::chrono::microseconds wait);

 private:
  void run_posted();

  int epoll_ = -1;
  int wake_ = -1;
  int ready_count_ = 0;
  int ready_at_ = 0;
  std::vector<epoll_event> ready_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
};

}  // namespace loadgen
