#include "loadgen/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace loadgen {
namespace {

TEST(Histogram, IsEmptyAtFirst) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.quantile(0.99), Micros(0));
  EXPECT_EQ(histogram.mean(), Micros(0));
}

TEST(Histogram, StaysWithinOnePercentOfTheTrueQuantiles) {
  std::mt19937_64 random(11);
  std::lognormal_distribution<double> latency(8, 2);
  Histogram histogram;
  std::vector<std::int64_t> values;
  for (int i = 0; i < 50'000; ++i) {
    const auto value = static_cast<std::int64_t>(latency(random));
    values.push_back(value);
    histogram.record(Micros(value));
  }
  std::sort(values.begin(), values.end());
  for (const double ratio : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(ratio * 50'000)) - 1;
    const auto truth = static_cast<double>(values[rank]);
    const auto read = static_cast<double>(histogram.quantile(ratio).count());
    EXPECT_GE(read, truth) << ratio;
    EXPECT_LE(read, truth * 1.01 + 1) << ratio;
  }
  EXPECT_EQ(histogram.max().count(), values.back());
}

TEST(Histogram, CountsALongerTimeThanAnHourAndKeepsTheMaximum) {
  Histogram histogram;
  histogram.record(std::chrono::hours(5));
  EXPECT_EQ(histogram.count(), 1U);
  EXPECT_EQ(histogram.max(), std::chrono::hours(5));
}

TEST(Histogram, TakesANegativeTimeForNone) {
  Histogram histogram;
  histogram.record(Micros(-3));
  EXPECT_EQ(histogram.quantile(1), Micros(0));
}

TEST(Histogram, AddsUpAsIfAllHadBeenRecordedInOne) {
  Histogram one;
  Histogram other;
  Histogram both;
  for (int i = 1; i < 5'000; i += 7) {
    (i % 2 == 0 ? one : other).record(Micros(i * i));
    both.record(Micros(i * i));
  }
  one.add(other);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.buckets(), both.buckets());
  EXPECT_EQ(one.mean(), both.mean());
}

TEST(Histogram, SurvivesItsRecording) {
  Histogram histogram;
  for (int i = 1; i < 3'000; ++i) histogram.record(Micros(i * 37));
  Histogram restored;
  for (const auto& [value, count] : histogram.buckets()) restored.restore(Micros(value), count);
  EXPECT_EQ(restored.buckets(), histogram.buckets());
  EXPECT_EQ(restored.max(), histogram.max());
  EXPECT_EQ(restored.quantile(0.99), histogram.quantile(0.99));
}

}  // namespace
}  // namespace loadgen
