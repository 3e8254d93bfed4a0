#include "xmpp/escape.h"

#include <gtest/gtest.h>

#include <string>

#include "xmpp/characters.h"

namespace xmpp {
namespace {

TEST(Escape, WritesMarkupAndLineEndsAsReferences) {
  EXPECT_EQ(escape_text("\"'<>&]]>\r\n\t"), "\"'&lt;&gt;&amp;]]&gt;&#13;\n\t");
  EXPECT_EQ(escape_attr("\"'<>&\r\n\t"), "&quot;&apos;&lt;&gt;&amp;&#13;&#10;&#9;");
  EXPECT_EQ(escape_text(""), "");
}

// Hardening X4, X5: our output is XML whatever it is made of.
TEST(Escape, ReplacesWhatXmlCannotCarry) {
  EXPECT_EQ(escape_text(std::string_view("a\0b", 3)),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(escape_text("a\xff<"), "a\xef\xbf\xbd&lt;");
  EXPECT_EQ(escape_text("\xef\xbf\xbe"), "\xef\xbf\xbd");
  EXPECT_EQ(escape_attr("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(escape_text("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
}

/// RFC 3629 written the slow way: decode by the lead's length, then judge the value.
bool is_valid_pair(unsigned a, unsigned b) {
  const auto alone = [](unsigned c) { return c < 0x80; };
  return (alone(a) && alone(b)) ||
         (a >= 0xc0 && a < 0xe0 && b >> 6 == 2 && ((a & 31) << 6 | (b & 63)) >= 0x80);
}

// Hardening X4: all two-byte pairs.
TEST(Utf8, JudgesAllPairsOfBytes) {
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      const std::string text = {static_cast<char>(a), static_cast<char>(b)};
      ASSERT_EQ(is_utf8(text), is_valid_pair(a, b)) << a << ' ' << b;
    }
  }
}

TEST(Utf8, ReadsBackEveryCodePointAndRefusesSurrogates) {
  for (char32_t c = 0; c <= 0x110000; ++c) {
    std::string text;
    characters::append_utf8(text, c);
    const bool is_scalar = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
    ASSERT_EQ(is_utf8(text), is_scalar) << std::hex << static_cast<unsigned>(c);
    if (is_scalar) {
      ASSERT_EQ(characters::decode(text, 0).code_point, c);
    }
  }
}

// The scan by words must stop where a look at each byte would.
TEST(SkipText, StopsAtTheSameByteAsALookAtEach) {
  for (unsigned c = 0; c < 256; ++c) {
    for (std::size_t at = 0; at < 20; ++at) {
      std::string text(20, 'x');
      text[at] = static_cast<char>(c);
      const bool is_plain = characters::is(static_cast<char>(c), characters::text_plain);
      ASSERT_EQ(characters::skip_text(text, 0), is_plain ? text.size() : at) << c;
    }
  }
}

}  // namespace
}  // namespace xmpp
