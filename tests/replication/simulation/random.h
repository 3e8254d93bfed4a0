#pragma once

#include <chrono>
#include <cstdint>

namespace replication::simulation {

/// All chance of a schedule: the same seed brings the same numbers, on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  // Splitmix64.
  std::uint64_t next() {
    std::uint64_t value = state_ += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
  }

  /// 0 to `count` - 1; `count` is at least 1.
  std::uint64_t below(std::uint64_t count) { return next() % count; }

  template <class T>
  T between(T least, T most) {
    return least + static_cast<T>(below(static_cast<std::uint64_t>(most - least) + 1));
  }

  std::chrono::microseconds between(std::chrono::microseconds least,
                                    std::chrono::microseconds most) {
    return std::chrono::microseconds(between(least.count(), most.count()));
  }

  bool one_in(std::uint64_t count) { return below(count) == 0; }

  /// Mostly small, at times up to `most`.
  std::uint64_t skewed(std::uint64_t most) { return below(below(below(most + 1) + 1) + 1); }

 private:
  std::uint64_t state_;
};

}  // namespace replication::simulation
