#include "xmpp/date_time.h"

#include <gtest/gtest.h>

namespace xmpp {
namespace {

// XEP-0082 §3.2
TEST(DateTime, IsWrittenInUtcToTheDigitAskedFor) {
  EXPECT_EQ(date_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(date_time(1'709'209'445'006'789), "2024-02-29T12:24:05.006Z");
  EXPECT_EQ(date_time(1'709'209'445'006'789, 6), "2024-02-29T12:24:05.006789Z");
}

TEST(DateTime, IsReadWhateverItsZoneAndFraction) {
  EXPECT_EQ(parse_date_time("2024-02-29T12:24:05Z"), 1'709'209'445'000'000U);
  EXPECT_EQ(parse_date_time("2024-02-29T14:24:05.5+02:00"), 1'709'209'445'500'000U);
  EXPECT_EQ(parse_date_time("2024-02-29T09:54:05.0067891-02:30"), 1'709'209'445'006'789U);
  EXPECT_EQ(parse_date_time("1970-01-01T00:00:00+00:00"), 0U);
  EXPECT_EQ(parse_date_time("9999-12-31T23:59:59.999999Z"), 253'402'300'799'999'999U);
  EXPECT_EQ(parse_date_time("2016-12-31T23:59:60Z"), parse_date_time("2017-01-01T00:00:00Z"));
  for (const std::uint64_t at : {std::uint64_t{1}, std::uint64_t{1'709'209'445'006'789}}) {
    EXPECT_EQ(parse_date_time(date_time(at, 6)), at);
  }
}

// hardening S8
TEST(DateTime, IsRefusedWhenItIsNone) {
  for (const char* text : {"",
                           "now",
                           "2024",
                           "2024-02-29",
                           "2024-02-29T12:24:05",
                           "2024-02-30T12:24:05Z",
                           "2023-02-29T12:24:05Z",
                           "2024-13-01T00:00:00Z",
                           "2024-00-01T00:00:00Z",
                           "2024-02-29T24:00:00Z",
                           "2024-02-29T12:60:05Z",
                           "2024-02-29T12:24:61Z",
                           "2024-02-29T12:24:05.Z",
                           "2024-02-29T12:24:05.5",
                           "2024-02-29T12:24:05+0200",
                           "2024-02-29T12:24:05+15:00",
                           "2024-02-29T12:24:05Zx",
                           "2024-02-29t12:24:05Z",
                           "2024-02-29 12:24:05Z",
                           " 2024-02-29T12:24:05Z",
                           "-001-02-28T12:24:05Z",
                           "2024--2-29T12:24:05Z",
                           "2024-+2-29T12:24:05Z",
                           "99999-02-28T12:24:05Z",
                           "1969-12-31T23:59:59Z",
                           "1970-01-01T00:00:00+00:01",
                           "20240229T12:24:05Z"}) {
    EXPECT_EQ(parse_date_time(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace xmpp
