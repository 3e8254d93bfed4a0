#include "discovery/dns_answer.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace discovery {
namespace {

using namespace std::string_literals;

// An answer to a question for the name `n`, as in RFC 1035 §4: header, question, records.
std::string message(const std::string& records, int count, char type = 1) {
  return "\x12\x34\x85\x80\0\x01\0"s + static_cast<char>(count) + "\0\0\0\0"s + "\x01n\0\0"s +
         type + "\0\x01"s + records;
}

// A record that belongs to the question's name, of class IN.
std::string record(char type, const std::string& data, char klass = 1) {
  return "\xC0\x0C\0"s + type + "\0"s + klass + "\0\0\0\x1E\0"s + static_cast<char>(data.size()) +
         data;
}

auto parse(const std::string& bytes, DnsType type) {
  return parse_dns_answer(
      std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()), type);
}

// RFC 1035 §3.4.1
TEST(DnsAnswer, GivesTheAddressesInTheirOrder) {
  const auto records =
      parse(message(record(1, "\x0A\x01\x02\x04") + record(1, "\x0A\x01\x02\x03"), 2), DnsType::a);
  ASSERT_TRUE(records.has_value());
  ASSERT_EQ(records->size(), 2U);
  EXPECT_EQ(records->at(0).host, "10.1.2.4");
  EXPECT_EQ(records->at(1).host, "10.1.2.3");
}

// RFC 3596 §2.2
TEST(DnsAnswer, GivesAnIpv6AddressInItsShortForm) {
  const auto records =
      parse(message(record(28, "\xFD"s + std::string(14, '\0') + "\x07"), 1, 28), DnsType::aaaa);
  ASSERT_TRUE(records.has_value());
  EXPECT_EQ(records->at(0).host, "fd00::7");
}

// RFC 2782
TEST(DnsAnswer, GivesTargetAndPortOfAService) {
  const auto records =
      parse(message(record(33, "\0\x01\0\x02\x14\xAA\x02m1\x01x\0"s), 1, 33), DnsType::srv);
  ASSERT_TRUE(records.has_value());
  ASSERT_EQ(records->size(), 1U);
  EXPECT_EQ(records->at(0).host, "m1.x");
  EXPECT_EQ(records->at(0).port, 5290);
}

// RFC 2782: "A Target of "." means that the service is decidedly not available".
TEST(DnsAnswer, LeavesOutATargetOfTheRoot) {
  const auto records = parse(message(record(33, "\0\0\0\0\0\0\0"s), 1, 33), DnsType::srv);
  ASSERT_TRUE(records.has_value());
  EXPECT_TRUE(records->empty());
}

TEST(DnsAnswer, LeavesOutWhatWasNotAskedFor) {
  const std::string mixed =
      record(5, "\x01m\0"s) + record(1, "\x0A\x01\x02\x03", 3) + record(1, "\x0A\x01\x02\x03");
  const auto records = parse(message(mixed, 3), DnsType::a);
  ASSERT_TRUE(records.has_value());
  EXPECT_EQ(records->size(), 1U);
  EXPECT_TRUE(parse(message(mixed, 3), DnsType::srv)->empty());
}

TEST(DnsAnswer, IsMalformedWhenItIsCutAnywhere) {
  const std::string whole = message(record(33, "\0\x01\0\x02\x14\xAA\x02m1\x01x\0"s), 1, 33);
  ASSERT_TRUE(parse(whole, DnsType::srv).has_value());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = parse(whole.substr(0, size), DnsType::srv);
    ASSERT_TRUE(cut.has_error()) << size;
    EXPECT_EQ(cut.error(), Errc::malformed) << size;
  }
}

TEST(DnsAnswer, IsMalformedWhenARecordHasTheWrongSize) {
  EXPECT_EQ(parse(message(record(1, "\x0A\x01\x02"), 1), DnsType::a).error(), Errc::malformed);
  EXPECT_EQ(parse(message(record(1, "\x0A\x01\x02\x03\x04"), 1), DnsType::a).error(),
            Errc::malformed);
  EXPECT_EQ(parse(message(record(33, "\0\x01\0\x02\x14\xAA"s), 1, 33), DnsType::srv).error(),
            Errc::malformed);
  EXPECT_EQ(
      parse(message(record(33, "\0\x01\0\x02\x14\xAA\x01m\0?"s), 1, 33), DnsType::srv).error(),
      Errc::malformed);
}

// A name may point back into the message, but not to itself.
TEST(DnsAnswer, IsMalformedWhenANameGoesInCircles) {
  const char at = static_cast<char>(12 + 7 + 12 + 6);
  const std::string data = "\0\x01\0\x02\x14\xAA\xC0"s + at;
  EXPECT_EQ(parse(message(record(33, data), 1, 33), DnsType::srv).error(), Errc::malformed);
}

}  // namespace
}  // namespace discovery
