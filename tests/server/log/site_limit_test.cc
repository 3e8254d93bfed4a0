#include "server/log/site_limit.h"

#include <gtest/gtest.h>

namespace server::log {
namespace {

using std::chrono::seconds;

constexpr const char* file = "session.cc";

TEST(SiteLimit, LetsSoManyLinesASecondPass) {
  SiteLimit limit(3);
  for (int line = 0; line < 3; ++line) EXPECT_TRUE(limit.pass(file, 7, seconds(1)).may_pass);
  for (int line = 0; line < 5; ++line) EXPECT_FALSE(limit.pass(file, 7, seconds(1)).may_pass);
}

TEST(SiteLimit, TellsInTheNextSecondHowManyItKept) {
  SiteLimit limit(1);
  EXPECT_EQ(limit.pass(file, 7, seconds(1)).suppressed, 0u);
  for (int line = 0; line < 5; ++line) limit.pass(file, 7, seconds(1));
  const SiteLimit::Verdict verdict = limit.pass(file, 7, seconds(2));
  EXPECT_TRUE(verdict.may_pass);
  EXPECT_EQ(verdict.suppressed, 5u);
}

TEST(SiteLimit, KeepsPlacesApart) {
  SiteLimit limit(1);
  for (std::uint32_t line = 1; line <= 200; ++line) {
    EXPECT_TRUE(limit.pass(file, line, seconds(1)).may_pass) << line;
  }
}

TEST(SiteLimit, GivesPlacesBeyondItsTableOneAllowance) {
  SiteLimit limit(1);
  std::size_t passed = 0;
  for (std::uint32_t line = 1; line <= 100'000; ++line) {
    if (limit.pass(file, line, seconds(1)).may_pass) ++passed;
  }
  EXPECT_LE(passed, SiteLimit::sites_max + 1);
}

}  // namespace
}  // namespace server::log
