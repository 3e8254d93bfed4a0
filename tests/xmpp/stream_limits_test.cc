#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/xmpp/stream_text.h"
#include "xmpp/stream_parser.h"

namespace xmpp {
namespace {

using testing::client_header;
using testing::say;
using testing::verdict;
using Event = StreamParser::Event;

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

// Hardening, limits; P1, X7 to X10: each at N and N + 1.
TEST(StreamLimits, HoldsEachLimitToTheUnit) {
  const StreamLimits before = StreamLimits::before_login(), after = StreamLimits::after_login();
  const auto sized = [](std::size_t bytes) { return "<m>" + std::string(bytes - 7, 'x') + "</m>"; };
  const auto depth = [](std::size_t n) { return repeat("<a>", n) + repeat("</a>", n); };
  const auto width = [](std::size_t n) { return "<m>" + repeat("<b/>", n - 1) + "</m>"; };
  const auto sections = [](std::size_t n) {
    return "<m>" + repeat("<![CDATA[]]>", n - 1) + "</m>";
  };
  const auto attributes = [](std::size_t n) {
    std::string tag = "<m";
    for (std::size_t i = 0; i < n; ++i) tag += " a" + std::to_string(i) + "=''";
    return tag + "/>";
  };
  const auto declarations = [](std::size_t n) {
    std::string tag = "<m";
    for (std::size_t i = 0; i < n; ++i) tag += " xmlns:a" + std::to_string(i) + "='u'";
    return tag + "/>";
  };
  const auto long_name = [](std::size_t n) { return "<" + std::string(n, 'n') + "/>"; };
  const auto check = [](const StreamLimits& limits, const std::string& most,
                        const std::string& more) {
    EXPECT_TRUE(say(most, limits).starts_with("element")) << most.substr(0, 80);
    EXPECT_TRUE(say(more, limits).starts_with("error policy-violation")) << more.substr(0, 80);
  };
  check(before, sized(10'000), sized(10'001));
  check(before, depth(8), depth(9));
  check(before, width(32), width(33));
  check(before, sections(32), sections(33));
  check(before, attributes(16), attributes(17));
  check(after, depth(64), depth(65));
  check(after, width(4'096), width(4'097));
  check(after, sections(4'096), sections(4'097));
  check(after, attributes(64), attributes(65));
  check(after, declarations(32), declarations(33));
  check(after, long_name(256), long_name(257));
  StreamLimits small = after;
  small.bytes_max = 500;
  small.in_scope_max = 3;
  check(small, "<m xmlns:a='a' xmlns:b='b'><n xmlns:c='c'/><n xmlns:d='c'/></m>",
        "<m xmlns:a='a' xmlns:b='b'><n xmlns:c='c' xmlns:d='d'/></m>");
  // Unclosed, in a tag, in a name, in a reference, in white space: never more than the limit.
  for (const std::string_view unclosed :
       {"<m>", "<m a='", "<m ", "<m></m", "<m><![CDATA[", "<m a", "<m a="}) {
    EXPECT_TRUE(say(std::string(unclosed) + std::string(600, ' '), small)
                    .starts_with("error policy-violation"))
        << unclosed;
  }
}

TEST(StreamLimits, SaysThatTheStanzaIsTooBig) {
  StreamParser parser;
  const std::string bytes = std::string(client_header) + "<m>" + std::string(10'000, 'x');
  std::string_view input = bytes;
  ASSERT_EQ(parser.next(input), Event::stream_open);
  ASSERT_EQ(parser.next(input), Event::error);
  EXPECT_EQ(parser.error(), StreamErrorCondition::policy_violation);
  EXPECT_EQ(parser.error_detail(), "<stanza-too-big xmlns='urn:xmpp:errors'/>");
  EXPECT_FALSE(parser.has_partial());
  input = "<m/>";
  EXPECT_EQ(parser.next(input), Event::error);
}

// Hardening X10: never more held than the limit, however it comes.
TEST(StreamLimits, HoldsNoMoreThanTheLimit) {
  StreamParser parser;
  std::string_view input = client_header;
  ASSERT_EQ(parser.next(input), Event::stream_open);
  input = "<m>";
  ASSERT_EQ(parser.next(input), Event::need_more);
  std::size_t most = 0;
  while (true) {
    input = "xxxxxxxxxxxxxxxxx";
    if (parser.next(input) != Event::need_more) break;
    most = std::max(most, parser.partial_bytes());
  }
  EXPECT_LT(most, 10'000u);
  EXPECT_GT(most, 9'900u);
}

// Hardening X8: refused while reading, with no work in the square of the attributes.
TEST(StreamLimits, RefusesAFloodOfAttributesAtOnce) {
  std::string tag = "<m";
  for (int i = 0; i < 32'000; ++i) tag += " a" + std::to_string(i) + "=''";
  const std::string bytes = std::string(client_header) + tag + "/>";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(verdict(bytes, bytes.size()), "open\nerror policy-violation: too many attributes\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(50));
}

// A sender of single bytes must not make us read an element again and again.
TEST(StreamLimits, ReadsALargeElementInSingleBytesInLinearTime) {
  const std::string bytes = std::string(client_header) + "<m a='" + std::string(120'000, 'v') +
                            "'>" + std::string(120'000, 't') + "</m>";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(verdict(bytes, 1).ends_with("</m>\n"));
  // Quadratic work would be 3 * 10^10 steps; a slow machine with sanitizers does this in a second.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

}  // namespace
}  // namespace xmpp
