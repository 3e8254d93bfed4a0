#pragma once

#include <chrono>
#include <utility>

namespace server {

/// Tells from a client's silence when to ask it for a sign of life, once, and when to give it up.
class IdleWatch {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Verdict { fine, ask, gone };

  explicit IdleWatch(Clock::time_point now) : heard_at_(now) {}

  void heard(Clock::time_point now) {
    heard_at_ = now;
    is_asked_ = false;
  }

  /// Nothing is heard of who is not listened to: no silence counts before resume().
  void pause() { is_paused_ = true; }
  void resume(Clock::time_point now) {
    is_paused_ = false;
    heard(now);
  }

  /// `ask` comes once a silence, after `interval`; `gone` when nothing has come `timeout` later. An
  /// interval of 0 never asks.
  Verdict look(Clock::time_point now, Clock::duration interval, Clock::duration timeout) {
    const auto silence = now - heard_at_;
    if (is_paused_ || interval.count() == 0 || silence <= interval) return Verdict::fine;
    if (silence > interval + timeout + slack) return Verdict::gone;
    return std::exchange(is_asked_, true) ? Verdict::fine : Verdict::ask;
  }

 private:
  static constexpr auto slack = std::chrono::seconds(1);  // Streams are looked at now and then.

  Clock::time_point heard_at_;
  bool is_asked_ = false;
  bool is_paused_ = false;
};

}  // namespace server
