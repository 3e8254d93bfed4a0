#include "discovery/continuity.h"

#include <gtest/gtest.h>

namespace discovery {
namespace {

using namespace std::chrono_literals;

constexpr auto lease = 1'000ms;

// A registry's answers at times of the test's choosing.
class Answers {
 public:
  void after(std::chrono::milliseconds passed, std::chrono::milliseconds clock_jump = 0ms) {
    now_ += passed;
    clock_ += passed + clock_jump;
    continuity.answered(now_, clock_);
  }

  Continuity continuity{lease};

 private:
  Continuity::Moment now_{1h};
  Continuity::Stamp clock_{100h};
};

TEST(Continuity, LastsALeaseAfterALeaseOfAnswers) {
  Answers answers;
  EXPECT_FALSE(answers.continuity.has_lasted_a_lease());
  answers.after(0ms);
  answers.after(500ms);
  answers.after(499ms);
  EXPECT_FALSE(answers.continuity.has_lasted_a_lease());
  answers.after(1ms);
  EXPECT_TRUE(answers.continuity.has_lasted_a_lease());
}

TEST(Continuity, BeginsAnewAfterAFailure) {
  Answers answers;
  for (int n = 0; n < 5; ++n) answers.after(400ms);
  answers.continuity.failed();
  EXPECT_FALSE(answers.continuity.has_lasted_a_lease());
  answers.after(1ms);
  answers.after(500ms);
  EXPECT_FALSE(answers.continuity.has_lasted_a_lease());
  answers.after(500ms);
  EXPECT_TRUE(answers.continuity.has_lasted_a_lease());
}

TEST(Continuity, BeginsAnewAfterAGapOfMoreThanHalfALease) {
  Answers answers;
  for (int n = 0; n < 5; ++n) answers.after(500ms);
  EXPECT_TRUE(answers.continuity.has_lasted_a_lease());
  answers.after(501ms);
  EXPECT_FALSE(answers.continuity.has_lasted_a_lease());
}

TEST(Continuity, BeginsAnewWhenTheRegistrysClockIsSet) {
  for (const auto jump : {251ms, -251ms, 3'600'000ms}) {
    Answers answers;
    for (int n = 0; n < 5; ++n) answers.after(400ms);
    answers.after(400ms, jump);
    EXPECT_FALSE(answers.continuity.has_lasted_a_lease()) << jump.count();
    for (int n = 0; n < 3; ++n) answers.after(400ms);
    EXPECT_TRUE(answers.continuity.has_lasted_a_lease()) << jump.count();
  }
}

TEST(Continuity, BearsAnswersThatTravelForDifferentTimes) {
  Answers answers;
  for (int n = 0; n < 10; ++n) answers.after(400ms, n % 2 == 0 ? 100ms : -100ms);
  EXPECT_TRUE(answers.continuity.has_lasted_a_lease());
}

}  // namespace
}  // namespace discovery
