#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

/// Classes of bytes, and UTF-8 one character at a time: the inner loops of all that reads XML.
namespace xmpp::characters {

enum Class : std::uint8_t {
  name_start = 1,   // ASCII NameStartChar, without ':'.
  name_char = 2,    // ASCII NameChar, without ':'.
  space = 4,        // S of XML 1.0: SP, TAB, LF, CR.
  text_plain = 8,   // May stand in character data with no look at its neighbours.
  value_plain = 16  // The same for an attribute value.
};

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    const bool is_space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    std::uint8_t bits = 0;
    if (is_letter) bits |= name_start | name_char;
    if ((c >= '0' && c <= '9') || c == '-' || c == '.') bits |= name_char;
    if (is_space) bits |= space;
    if (c >= 0x20 && c < 0x80) {
      if (c != '<' && c != '&' && c != ']') bits |= text_plain;
      if (c != '<' && c != '&' && c != '"' && c != '\'') bits |= value_plain;
    }
    if (c == '\t' || c == '\n') bits |= text_plain;
    classes[c] = bits;
  }
  return classes;
}

inline constexpr auto classes = make_classes();

inline bool is(char c, std::uint8_t bits) {
  return (classes[static_cast<unsigned char>(c)] & bits) != 0;
}

/// The first place at or after `at` that is not white space.
inline std::size_t skip_space(std::string_view bytes, std::size_t at) {
  while (at < bytes.size() && is(bytes[at], space)) ++at;
  return at;
}

/// Whether one of the eight bytes is below 0x20, above 0x7f, '<', '&' or ']'. May also say yes for
/// a byte that follows such a one, so the caller looks byte by byte then.
inline bool has_special(std::uint64_t word) {
  constexpr std::uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
  const auto zeros = [](std::uint64_t w) { return (w - ones) & ~w; };
  const std::uint64_t below_space = (word - ones * 0x20) & ~word;
  return ((word | below_space | zeros(word ^ (ones * '<')) | zeros(word ^ (ones * '&')) |
           zeros(word ^ (ones * ']'))) &
          tops) != 0;
}

/// The first place at or after `at` whose byte is not text_plain.
inline std::size_t skip_text(std::string_view bytes, std::size_t at) {
  while (at + 8 <= bytes.size()) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + at, 8);
    if (has_special(word)) break;
    at += 8;
  }
  while (at < bytes.size() && is(bytes[at], text_plain)) ++at;
  return at;
}

/// What stands at a place in UTF-8 text.
struct Decoded {
  char32_t code_point = 0;
  int size = 0;  // Bytes; 0: no UTF-8 can begin like this; -1: the text ends within a character.
};

/// Decodes strictly (RFC 3629 §4: shortest forms, no surrogates, up to U+10FFFF). `at` is in range.
Decoded decode(std::string_view bytes, std::size_t at) noexcept;

/// Char of XML 1.0 §2.2.
constexpr bool is_xml_char(char32_t c) {
  return (c >= 0x20 && c <= 0xd7ff) || c == '\t' || c == '\n' || c == '\r' ||
         (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

/// Adds the code point, which is a Unicode scalar value.
template <class String>
void append_utf8(String& out, char32_t c) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6), put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  }
}

}  // namespace xmpp::characters
