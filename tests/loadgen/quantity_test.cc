#include "loadgen/quantity.h"

#include <gtest/gtest.h>

namespace loadgen {
namespace {

TEST(Quantity, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_count("10k").value(), 10'000U);
  EXPECT_EQ(parse_count("1.5k").value(), 1'500U);
  EXPECT_EQ(parse_count("2M").value(), 2'000'000U);
  EXPECT_DOUBLE_EQ(parse_rate("2k/s").value(), 2'000);
  EXPECT_DOUBLE_EQ(parse_rate("30/m").value(), 0.5);
  EXPECT_DOUBLE_EQ(parse_rate("0").value(), 0);
  EXPECT_EQ(parse_duration("250ms").value(), Micros(250'000));
  EXPECT_EQ(parse_duration("5m").value(), Micros(300'000'000));
  EXPECT_EQ(parse_size("1KiB").value(), 1'024U);
}

TEST(Quantity, RefusesWhatLacksItsUnitOrIsNoNumber) {
  for (const char* text : {"", "k", "-1", "1e3", "10x", "nan", " 5"}) {
    EXPECT_TRUE(parse_count(text).has_error()) << text;
  }
  for (const char* text : {"250", "5 m", "s", "-1s", "1d"}) {
    EXPECT_TRUE(parse_duration(text).has_error()) << text;
  }
  for (const char* text : {"500", "2k", "2k/h", "/s"}) {
    EXPECT_TRUE(parse_rate(text).has_error()) << text;
  }
}

TEST(Quantity, ReadsARangeOrOneValueAsBothEnds) {
  EXPECT_EQ(parse_duration_range("100ms..10s")->low, Micros(100'000));
  EXPECT_EQ(parse_duration_range("100ms..10s")->high, Micros(10'000'000));
  EXPECT_EQ(parse_size_range("256")->low, 256U);
  EXPECT_EQ(parse_size_range("256")->high, 256U);
  EXPECT_TRUE(parse_size_range("2KiB..1KiB").has_error());
}

TEST(Quantity, SpreadsOverARangeOfSourceAddresses) {
  const auto addresses = parse_addresses("127.0.1.1-3,127.0.0.9").value();
  EXPECT_EQ(addresses,
            (std::vector<std::string>{"127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.0.9"}));
  EXPECT_TRUE(parse_addresses("127.0.1.9-3").has_error());
  EXPECT_TRUE(parse_addresses("127.0.1.9-300").has_error());
}

TEST(Quantity, WritesForPeople) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(30'000), "30,000");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
  EXPECT_EQ(short_time(0.0026), "2.60 ms");
  EXPECT_EQ(short_time(0.212), "212 ms");
  EXPECT_EQ(short_time(12), "12.0 s");
  EXPECT_EQ(clock_text(Micros(161'000'000)), "02:41");
  EXPECT_EQ(clock_text(Micros(3'761'000'000)), "1:02:41");
}

}  // namespace
}  // namespace loadgen
