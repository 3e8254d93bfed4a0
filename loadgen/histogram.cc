#include "loadgen/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace loadgen {
namespace {

constexpr unsigned linear_bits = 7;  // 128 buckets a power of two: 0.8 %, under the 1 % we promise.
constexpr std::uint64_t per_octave = 1U << linear_bits;
constexpr std::int64_t value_max = 3'600'000'000;  // An hour; longer than any run's patience.

std::size_t bucket_of(std::uint64_t value) {
  if (value < 2 * per_octave) return value;
  const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - linear_bits - 1;
  return static_cast<std::size_t>(shift * per_octave + (value >> shift));
}

std::uint64_t highest_in(std::size_t bucket) {
  if (bucket < 2 * per_octave) return bucket;
  const auto shift = static_cast<unsigned>(bucket / per_octave - 1);
  return ((per_octave + bucket % per_octave + 1) << shift) - 1;
}

}  // namespace

void Histogram::record(Micros value) { restore(value, 1); }

void Histogram::restore(Micros value, std::uint64_t count) {
  const auto exact = std::max<std::int64_t>(0, value.count());
  const auto bucket = bucket_of(static_cast<std::uint64_t>(std::min(exact, value_max)));
  if (bucket >= counts_.size()) counts_.resize(bucket + 1);
  counts_[bucket] += count;
  count_ += count;
  sum_ += static_cast<double>(exact) * static_cast<double>(count);
  max_ = std::max(max_, Micros(exact));
}

void Histogram::add(const Histogram& other) {
  if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
  for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

Micros Histogram::quantile(double ratio) const {
  if (count_ == 0) return Micros(0);
  const auto wanted =
      static_cast<std::uint64_t>(std::max(1.0, std::ceil(ratio * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= wanted) return std::min(max_, Micros(static_cast<std::int64_t>(highest_in(i))));
  }
  return max_;
}

Micros Histogram::mean() const {
  return Micros(count_ == 0 ? 0 : std::llround(sum_ / static_cast<double>(count_)));
}

void Histogram::clear() { *this = Histogram(); }

std::vector<std::pair<std::int64_t, std::uint64_t>> Histogram::buckets() const {
  std::vector<std::pair<std::int64_t, std::uint64_t>> filled;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    // The last bucket is told by the true maximum, so that `max` survives the recording.
    const auto value =
        std::min<std::int64_t>(static_cast<std::int64_t>(highest_in(i)), max_.count());
    filled.emplace_back(value, counts_[i]);
  }
  return filled;
}

}  // namespace loadgen
