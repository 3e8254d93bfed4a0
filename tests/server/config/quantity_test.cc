#include "server/config/quantity.h"

#include <gtest/gtest.h>

#include "server/config/suggest.h"

namespace server {
namespace {

using namespace std::chrono_literals;

TEST(Quantity, ReadsBackWhatItWrites) {
  for (const auto value : {0ms, 1ms, 999ms, 1000ms, 1500ms, 60'000ms, 90'000ms, 3'600'000ms,
                           86'400'000ms, 86'400'001ms}) {
    EXPECT_EQ(*parse_duration(to_text(value)), value) << to_text(value);
  }
  for (const std::uint64_t value :
       {0ull, 1ull, 1000ull, 1024ull, 10'000ull, 1ull << 20, 3ull << 30}) {
    EXPECT_EQ(*parse_bytes(bytes_to_text(value)), value) << bytes_to_text(value);
    EXPECT_EQ(*parse_count(count_to_text(value)), value) << count_to_text(value);
  }
  for (const double value : {1.0, 500.0, 2000.0, 0.5, 1.5}) {
    EXPECT_EQ(parse_rate(to_text(Rate{value}))->per_second, value) << to_text(Rate{value});
  }
}

TEST(Quantity, RefusesWhatIsNotOne) {
  for (const char* text : {"", "s", "3", "-3s", "+3s", "3 s", "3S", "1e3s", "1..5s", ".s", "0.5ms",
                           "99999999999d", "nan", "3s3s"}) {
    EXPECT_TRUE(parse_duration(text).has_error()) << text;
  }
  for (const char* text : {"", "1kib", "1K", "-1", "1.0001KiB", "1 KiB", "99999999GiB"}) {
    EXPECT_TRUE(parse_bytes(text).has_error()) << text;
  }
  for (const char* text : {"500", "500/h", "/s", "k/s", "500/s/s"}) {
    EXPECT_TRUE(parse_rate(text).has_error()) << text;
  }
}

TEST(Endpoint, IsAnAddressAndAPort) {
  EXPECT_EQ(*parse_endpoint("0.0.0.0:5222"), (Endpoint{"0.0.0.0", 5222}));
  EXPECT_EQ(*parse_endpoint("[::]:0"), (Endpoint{"::", 0}));
  EXPECT_EQ(to_string(Endpoint{"::1", 80}), "[::1]:80");
  for (const char* text : {"", ":", ":5222", "0.0.0.0", "0.0.0.0:", "0.0.0.0:x", "0.0.0.0:-1",
                           "0.0.0.0:65536", "0.0.0.0:99999999999999999999", "::1:5222", "[::1]",
                           "[0.0.0.0]:1", "localhost:1", "1.2.3:4", "0.0.0.0:5222 "}) {
    EXPECT_TRUE(parse_endpoint(text).has_error()) << text;
  }
}

TEST(Suggestion, IsTheNearestWordIfThatIsNear) {
  const std::vector<std::string> words = {"deadline", "notice", "rate"};
  EXPECT_EQ(suggest("dedline", words), "deadline");
  EXPECT_EQ(suggest("notcie", words), "notice");  // a swap is one mistake
  EXPECT_EQ(suggest("rte", words), "rate");
  EXPECT_EQ(suggest("elephant", words), "");
  EXPECT_EQ(suggest("", words), "");
  EXPECT_EQ(suggest(std::string(100'000, 'x'), words), "");
}

}  // namespace
}  // namespace server
