#include "server/stream/login_pacer.h"

#include <gtest/gtest.h>

namespace server {
namespace {

using std::chrono::milliseconds;
constexpr auto start = LoginPacer::Clock::time_point(std::chrono::hours(1));

TEST(LoginPacer, LetsABurstGoAndSpreadsTheRestAtItsRate) {
  LoginPacer pacer(100);  // One each 10 ms; a tenth of a second's worth goes at once.
  for (int login = 0; login <= 10; ++login) {
    EXPECT_EQ(pacer.reserve(start).count(), 0) << login;
  }
  EXPECT_EQ(pacer.reserve(start), milliseconds(10));
  EXPECT_EQ(pacer.reserve(start), milliseconds(20));
  EXPECT_EQ(pacer.reserve(start + milliseconds(20)), milliseconds(10));
}

TEST(LoginPacer, SavesUpNoMoreThanOneBurst) {
  LoginPacer pacer(100);
  EXPECT_EQ(pacer.reserve(start).count(), 0);
  const auto later = start + std::chrono::minutes(1);
  for (int login = 0; login <= 10; ++login) EXPECT_EQ(pacer.reserve(later).count(), 0);
  EXPECT_GT(pacer.reserve(later).count(), 0);
}

TEST(LoginPacer, KeepsNobodyWaitingWhenItIsOff) {
  LoginPacer pacer(0);
  for (int login = 0; login < 1000; ++login) EXPECT_EQ(pacer.reserve(start).count(), 0);
}

}  // namespace
}  // namespace server
