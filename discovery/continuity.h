#pragma once

#include <chrono>
#include <optional>

namespace discovery {

/// For how long the registry has worked without a gap, as seen from here.
///
/// A lease that is over means that its node is dead only if that node had the chance to renew it:
/// if the registry answered, and its clock ran evenly, for all of a lease. After an outage, after
/// this process was asleep, or when the registry's clock was set, everybody gets that time anew.
///
/// Threads: one.
class Continuity {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  using Stamp = std::chrono::system_clock::time_point;

  /// `lease`: a gap of half of it, or a jump of a quarter (a node renews each quarter), breaks it.
  explicit Continuity(std::chrono::milliseconds lease) : lease_(lease) {}

  /// The registry answered at `now`, by its own clock at `clock`, if it has one.
  void answered(Moment now, std::optional<Stamp> clock);

  /// It did not.
  void failed() { since_.reset(); }

  /// Whether, at the last answer, every node had had the time of a lease to renew.
  [[nodiscard]] bool has_lasted_a_lease() const;

 private:
  const std::chrono::milliseconds lease_;
  std::optional<Moment> since_;
  Moment last_;
  std::optional<std::chrono::nanoseconds>
      offset_;  // The registry's clock less ours that only runs.
};

}  // namespace discovery
