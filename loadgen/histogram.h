#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "loadgen/quantity.h"

namespace loadgen {

/// Counts latencies in log-linear buckets: 128 a power of two, so a value read back is at most
/// 1/128 (0.8 %) above the one recorded; below 256 us it is exact.
///
/// Recording is one array increment. Memory: 8 bytes a bucket up to the highest value seen, at most
/// 27 KiB (values above an hour are counted as an hour, and `max` still tells them).
/// Threads: none of its own; one owner.
class Histogram {
 public:
  /// Negative values count as zero: a clock read twice in one turn.
  void record(Micros value);

  /// Adds what `other` holds.
  void add(const Histogram& other);

  /// The value at or below which `ratio` (0..1) of the recorded ones lie; zero when empty.
  [[nodiscard]] Micros quantile(double ratio) const;

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Micros max() const { return max_; }
  [[nodiscard]] Micros mean() const;
  void clear();

  /// The filled buckets as (highest value of the bucket in us, count), for the recording.
  [[nodiscard]] std::vector<std::pair<std::int64_t, std::uint64_t>> buckets() const;

  /// Takes `count` values of one bucket back from a recording.
  void restore(Micros value, std::uint64_t count);

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  double sum_ = 0;
  Micros max_{0};
};

}  // namespace loadgen
