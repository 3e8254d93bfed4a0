#include "loadgen/pair_pacer.h"

#include <gtest/gtest.h>

#include <set>

namespace loadgen {
namespace {

/// Users that come and go as told, at once.
class Stage final : public PairPacer::Players {
 public:
  explicit Stage(std::size_t pairs) : pacer(*this, random) {
    for (std::size_t i = 0; i < pairs; ++i) pacer.add();
  }

  /// Lets time pass in turns of 10 ms.
  void pass(Micros time) {
    for (const Micros end = now + time; now < end;) {
      now += Micros(10'000);
      pacer.turn(now);
    }
  }

  void enter(std::size_t pair) override {
    ++entries;
    online.insert(pair);
    pacer.on_online(pair);
  }
  void leave(std::size_t pair) override { online.erase(pair); }
  bool is_online(std::size_t pair) const override { return online.contains(pair); }
  bool is_away(std::size_t pair) const override { return !online.contains(pair); }
  bool is_quiet(std::size_t pair) const override { return !busy.contains(pair); }

  std::mt19937_64 random{7};
  PairPacer pacer;
  std::set<std::size_t> online;
  std::set<std::size_t> busy;
  int entries = 0;
  Micros now{};
};

constexpr Micros second{1'000'000};

TEST(PairPacer, BringsPairsOnAtItsPaceAndNoMoreThanThereAre) {
  Stage stage(20);
  stage.pacer.set_wanted(100, 10);
  stage.pass(second);
  EXPECT_NEAR(static_cast<double>(stage.online.size()), 10, 1);
  stage.pass(2 * second);
  EXPECT_EQ(stage.online.size(), 20U);
  EXPECT_EQ(stage.pacer.entered(), 20U);
  EXPECT_EQ(stage.pacer.active().size(), 20U);
}

TEST(PairPacer, TakesTheLastOnesOffAgain) {
  Stage stage(20);
  stage.pacer.set_wanted(20, 100);
  stage.pass(second);
  stage.pacer.set_wanted(5, 100);
  stage.pass(second);
  EXPECT_EQ(stage.online, (std::set<std::size_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(stage.pacer.active().size(), 5U);
}

TEST(PairPacer, DoesNotMakeUpForAStallInOneBurst) {
  Stage stage(1'000);
  stage.pacer.set_wanted(1'000, 100);
  stage.now += 60 * second;
  stage.pacer.turn(stage.now);
  EXPECT_LE(stage.online.size(), 11U);
}

TEST(PairPacer, ChurnsPairsThatComeBack) {
  Stage stage(10);
  stage.pacer.set_wanted(10, 100);
  stage.pass(second);
  stage.pacer.set_churn(5);
  stage.pass(2 * second);
  EXPECT_NEAR(static_cast<double>(stage.pacer.churned()), 10, 1);
  EXPECT_EQ(stage.entries, 10 + static_cast<int>(stage.pacer.churned()));
  EXPECT_EQ(stage.online.size(), 10U);
  EXPECT_EQ(stage.pacer.active().size(), 10U);
}

TEST(PairPacer, LetsABusyPairFinishButNotForEver) {
  Stage stage(1);
  stage.pacer.set_wanted(1, 100);
  stage.pass(second);
  stage.busy.insert(0);
  stage.pacer.set_wanted(0, 100);
  stage.pass(2 * second);
  EXPECT_TRUE(stage.online.contains(0));
  EXPECT_FALSE(stage.pacer.is_active(0)) << "it gets no new traffic";
  stage.pass(2 * second);
  EXPECT_FALSE(stage.online.contains(0));
}

TEST(PairPacer, TakesAPairBackThatIsWantedAgainWhileItLeaves) {
  Stage stage(1);
  stage.pacer.set_wanted(1, 100);
  stage.pass(second);
  stage.busy.insert(0);
  stage.pacer.set_wanted(0, 100);
  stage.pass(second);
  stage.pacer.set_wanted(1, 100);
  stage.pass(second);
  stage.busy.clear();
  stage.pass(second);
  EXPECT_TRUE(stage.pacer.is_active(0));
  EXPECT_EQ(stage.entries, 2);
}

}  // namespace
}  // namespace loadgen
