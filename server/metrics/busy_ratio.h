#pragma once

#include <atomic>
#include <chrono>
#include <ctime>
#include <optional>

namespace server {

/// How busy a thread is: its CPU time over the time that passed, from 0 to 1. Costs the thread
/// nothing, and tells also of one that is stuck, for it is another that looks at its clock.
class BusyRatio {
 public:
  /// [the thread that is to be watched] Once.
  void watch_this_thread();

  /// [one other thread] Measures the time since the last look. Nothing happens before
  /// watch_this_thread(), and once the thread has ended.
  void look();

  /// [any thread] Between the last two looks; 0 before there were two.
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  struct Reading {
    std::chrono::steady_clock::time_point at;
    std::chrono::nanoseconds cpu;
  };

  static constexpr clockid_t no_clock = CLOCK_REALTIME;  // Which is no thread's.

  std::atomic<clockid_t> clock_ = no_clock;
  std::optional<Reading> last_;
  std::atomic<double> value_ = 0;
};

}  // namespace server
