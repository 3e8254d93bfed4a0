#pragma once

#include <mutex>
#include <utility>

namespace replication {

/// A value that can be reached only with its lock held.
///
///     Guarded<Counts> counts;
///     counts.with([&](Counts& c) { ++c.links; });
///
/// Threads: any. The callable must not wait, and must not come back to the same Guarded.
template <class T>
class Guarded {
 public:
  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  template <class Use>
  decltype(auto) with(Use&& use) {
    std::lock_guard lock(mutex_);
    return std::forward<Use>(use)(value_);
  }

  template <class Use>
  decltype(auto) with(Use&& use) const {
    std::lock_guard lock(mutex_);
    return std::forward<Use>(use)(value_);
  }

  /// A copy, for values that are cheap to copy or rarely read.
  T copy() const {
    std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  mutable std::mutex mutex_;
  T value_;
};

}  // namespace replication
