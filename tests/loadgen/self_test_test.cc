#include "loadgen/self_test.h"

#include <gtest/gtest.h>

namespace loadgen {
namespace {

TEST(SelfTest, CatchesEachKindOfSpoiltStanzaAndNothingElse) {
  for (const std::uint64_t seed : {1U, 7U, 99U}) {
    for (const SelfTestStep& step : self_test(seed)) {
      EXPECT_TRUE(step.passed()) << step.name << " with seed " << seed << ": " << step.injected
                                 << " injected, " << step.found << " found, " << step.others
                                 << " others";
    }
  }
}

TEST(SelfTest, FailsWhenAKindIsNotCaught) {
  SelfTestStep step{"drop", Fate::lost, 10, 9, 0};
  EXPECT_FALSE(step.passed());
  step.found = 10;
  EXPECT_TRUE(step.passed());
  step.others = 1;
  EXPECT_FALSE(step.passed());
}

}  // namespace
}  // namespace loadgen
