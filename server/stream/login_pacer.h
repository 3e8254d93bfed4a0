#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace server {

/// Spreads logins over time: each takes the next free place in a line that moves at a set rate, so
/// that a storm of them waits instead of taking the chats with it.
///
/// A burst of up to a tenth of a second's logins goes at once. Threads: [any loop].
class LoginPacer {
 public:
  using Clock = std::chrono::steady_clock;

  /// `per_second` 0 or less: nobody waits.
  explicit LoginPacer(double per_second) : per_second_(per_second) {}

  /// Takes a place in the line; the login that asks begins after what is returned.
  Clock::duration reserve(Clock::time_point now) {
    if (per_second_ <= 0) return Clock::duration(0);
    const auto step =
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / per_second_));
    const std::int64_t earliest = (now - burst).time_since_epoch().count();
    std::int64_t place = next_.load(std::memory_order_relaxed);
    std::int64_t mine = 0;
    do {
      mine = place > earliest ? place : earliest;
    } while (!next_.compare_exchange_weak(place, mine + step.count(), std::memory_order_relaxed));
    const auto wait = Clock::time_point(Clock::duration(mine)) - now;
    return wait > Clock::duration(0) ? wait : Clock::duration(0);
  }

 private:
  static constexpr auto burst = std::chrono::milliseconds(100);

  double per_second_;
  std::atomic<std::int64_t> next_{0};  // Of the steady clock: when the next place is free.
};

}  // namespace server
