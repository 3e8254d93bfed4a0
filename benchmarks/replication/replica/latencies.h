#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace benchmarks {

/// How long many things took, to 6 % and without an allocation a thing.
///
/// Threads: one at a time.
class Latencies {
 public:
  void add(std::chrono::nanoseconds took) {
    auto value = static_cast<std::uint64_t>(took.count() < 0 ? 0 : took.count());
    ++counts_[bucket(value)];
    ++count_;
    if (value > longest_) longest_ = value;
  }

  std::uint64_t count() const { return count_; }
  double longest_us() const { return static_cast<double>(longest_) / 1000; }

  /// Of `part` (0.5: the median) of them, the longest; microseconds.
  double percentile_us(double part) const {
    auto wanted = static_cast<std::uint64_t>(part * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t at = 0; at < counts_.size(); ++at) {
      seen += counts_[at];
      if (seen > wanted) return static_cast<double>(middle(at)) / 1000;
    }
    return longest_us();
  }

 private:
  // 16 steps in each power of two; below 16 ns each value has its own.
  static std::size_t bucket(std::uint64_t value) {
    if (value < 16) return value;
    int power = std::bit_width(value) - 5;
    return 16 * static_cast<std::size_t>(power + 1) + ((value >> power) & 15);
  }
  static std::uint64_t middle(std::size_t bucket) {
    if (bucket < 16) return bucket;
    std::size_t power = bucket / 16 - 1;
    return ((16 + bucket % 16) << power) + (std::uint64_t{1} << power) / 2;
  }

  std::array<std::uint64_t, 16 * 61> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t longest_ = 0;
};

}  // namespace benchmarks
