#include "server/stream/idle_watch.h"

#include <gtest/gtest.h>

namespace server {
namespace {

using std::chrono::seconds;
using Verdict = IdleWatch::Verdict;
constexpr auto start = IdleWatch::Clock::time_point(std::chrono::hours(1));

Verdict look(IdleWatch& watch, seconds since_start) {
  return watch.look(start + since_start, seconds(180), seconds(30));
}

TEST(IdleWatch, AsksOnceAndThenGivesUp) {
  IdleWatch watch(start);
  EXPECT_EQ(look(watch, seconds(180)), Verdict::fine);
  EXPECT_EQ(look(watch, seconds(181)), Verdict::ask);
  EXPECT_EQ(look(watch, seconds(190)), Verdict::fine);
  EXPECT_EQ(look(watch, seconds(211)), Verdict::fine);  // A second of grace.
  EXPECT_EQ(look(watch, seconds(212)), Verdict::gone);
}

TEST(IdleWatch, AsksAgainInTheNextSilence) {
  IdleWatch watch(start);
  EXPECT_EQ(look(watch, seconds(181)), Verdict::ask);
  watch.heard(start + seconds(200));
  EXPECT_EQ(look(watch, seconds(380)), Verdict::fine);
  EXPECT_EQ(look(watch, seconds(381)), Verdict::ask);
}

// design.md G5: who waits for the database to take what it has sent is not read from, however long.
TEST(IdleWatch, TakesNobodyForGoneWhomNobodyListensTo) {
  IdleWatch watch(start);
  EXPECT_EQ(look(watch, seconds(181)), Verdict::ask);
  watch.pause();
  EXPECT_EQ(look(watch, seconds(100'000)), Verdict::fine);
  watch.resume(start + seconds(100'000));
  EXPECT_EQ(look(watch, seconds(100'180)), Verdict::fine);
  EXPECT_EQ(look(watch, seconds(100'181)), Verdict::ask);
  EXPECT_EQ(look(watch, seconds(100'212)), Verdict::gone);
}

TEST(IdleWatch, NeverAsksWhenItIsOff) {
  IdleWatch watch(start);
  EXPECT_EQ(watch.look(start + seconds(1'000'000), seconds(0), seconds(30)), Verdict::fine);
}

}  // namespace
}  // namespace server
