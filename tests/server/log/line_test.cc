#include "server/log/line.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <limits>
#include <string>

namespace server::log {
namespace {

using std::chrono::system_clock;

Heading heading() {
  return {system_clock::time_point(std::chrono::milliseconds(1'769'860'800'123)),
          Level::warning,
          "n1",
          "peers",
          "joined",
          0};
}

TEST(LogLine, IsOneJsonObject) {
  EXPECT_EQ(json_line(heading(), {{"peer", "n2"},
                                  {"records", 12},
                                  {"bytes", std::size_t{7}},
                                  {"took", 1.5},
                                  {"whole", true}}),
            R"({"time":"2026-01-31T12:00:00.123Z","level":"warning","node":"n1","area":"peers",)"
            R"("event":"joined","peer":"n2","records":12,"bytes":7,"took":1.5,"whole":true})");
}

TEST(LogLine, SaysHowManyWereLeftOut) {
  Heading suppressed = heading();
  suppressed.suppressed = 40;
  EXPECT_TRUE(json_line(suppressed, {}).ends_with(R"("event":"joined","suppressed":40})"));
  EXPECT_TRUE(text_line(suppressed, {}).ends_with(" suppressed=40"));
}

TEST(LogLine, ReadsWellAsText) {
  EXPECT_EQ(text_line(heading(), {{"peer", "n2"}, {"reason", "no route"}, {"n", 3}}),
            "12:00:00.123 warning peers joined peer=n2 reason=\"no route\" n=3");
}

struct Escape {
  std::string raw;
  std::string escaped;
};

// Hardening T4: nobody writes a line of their own, moves the cursor or hides what follows.
TEST(LogLine, EscapesWhatATerminalOrAReaderWouldObey) {
  const Escape cases[] = {
      {"a\"b\\c", R"("a\"b\\c")"},
      {"x\r\n{\"level\":\"error\"}", R"("x\r\n{\"level\":\"error\"}")"},
      {"\x1b[31mred", R"("\u001b[31mred")"},
      {std::string("nul\0!", 5), R"("nul\u0000!")"},
      {"del\x7f", R"("del\u007f")"},
      {"csi\xC2\x9B!", R"("csi\u009b!")"},      // C1 control
      {"ls\xE2\x80\xA8!", R"("ls\u2028!")"},    // line separator
      {"rlo\xE2\x80\xAE!", R"("rlo\u202e!")"},  // right-to-left override
      {"%n%s%x", R"("%n%s%x")"},
      {"{}{0}", R"("{}{0}")"},
      {"grün 🐾", R"("grün 🐾")"},
      {"\xFF\xFE", "\"\uFFFD\uFFFD\""},                      // not UTF-8
      {"\xC0\xAF", "\"\uFFFD\uFFFD\""},                      // overlong
      {"\xED\xA0\x80", "\"\uFFFD\uFFFD\uFFFD\""},            // a surrogate
      {"\xF4\x90\x80\x80", "\"\uFFFD\uFFFD\uFFFD\uFFFD\""},  // above U+10FFFF
      {"cut\xE2\x82", "\"cut\uFFFD\uFFFD\""},
  };
  for (const Escape& one : cases) EXPECT_EQ(json_string(one.raw), one.escaped);
}

TEST(LogLine, IsValidJsonForEveryByte) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string raw = std::string("a") + static_cast<char>(byte) + "b";
    boost::system::error_code error;
    boost::json::parse(json_line(heading(), {{"value", raw}}), error);
    EXPECT_FALSE(error) << byte << " " << error.message();
  }
  for (const double number : {std::numeric_limits<double>::infinity(), std::nan(""), -1e300}) {
    boost::system::error_code error;
    boost::json::parse(json_line(heading(), {{"value", number}}), error);
    EXPECT_FALSE(error) << number;
  }
}

// Hardening E10.
TEST(LogLine, CutsLongValuesBetweenCharacters) {
  EXPECT_EQ(json_string("abcdef", 6), "\"abcdef\"");
  EXPECT_EQ(json_string("abcdefg", 6), "\"abcdef…\"");
  EXPECT_EQ(json_string("abcd€", 6), "\"abcd…\"");
  EXPECT_LT(json_line(heading(), {{"value", std::string(1'000'000, 'x')}}).size(), 400u);
}

}  // namespace
}  // namespace server::log
