#include "xmpp/escape.h"

#include <cstdint>
#include <cstring>

#include "xmpp/characters.h"

namespace xmpp {
namespace {

template <class Accept>
bool all_characters(std::string_view text, Accept accept) {
  for (std::size_t at = 0; at < text.size();) {
    const characters::Decoded character = characters::decode(text, at);
    if (character.size <= 0 || !accept(character.code_point)) {
      return false;
    }
    at += static_cast<std::size_t>(character.size);
  }
  return true;
}

std::string_view reference(char c, bool is_attr) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '\r':
      return "&#13;";
    case '"':
      return is_attr ? "&quot;" : "";
    case '\'':
      return is_attr ? "&apos;" : "";
    case '\t':
      return is_attr ? "&#9;" : "";
    case '\n':
      return is_attr ? "&#10;" : "";
    default:
      return "";
  }
}

void append_escaped(std::string& out, std::string_view text, bool is_attr) {
  std::size_t copied = 0, at = 0;
  const auto replace = [&](std::size_t size, std::string_view by) {
    out.append(text, copied, at - copied).append(by);
    copied = at += size;
  };
  while (at < text.size()) {
    const char c = text[at];
    if (const std::string_view by = reference(c, is_attr); !by.empty()) {
      replace(1, by);
    } else if (static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x80) {
      ++at;
    } else {
      const characters::Decoded character = characters::decode(text, at);
      if (character.size <= 0) {
        replace(1, "\xef\xbf\xbd");
      } else if (!characters::is_xml_char(character.code_point)) {
        replace(static_cast<std::size_t>(character.size), "\xef\xbf\xbd");
      } else {
        at += static_cast<std::size_t>(character.size);
      }
    }
  }
  out.append(text, copied, at - copied);
}

}  // namespace

bool is_xml_text(std::string_view text) noexcept {
  return all_characters(text, characters::is_xml_char);
}

bool is_utf8(std::string_view text) noexcept {
  // Most text is ASCII for most of its length.
  for (std::uint64_t eight = 0; text.size() >= sizeof eight; text.remove_prefix(sizeof eight)) {
    std::memcpy(&eight, text.data(), sizeof eight);
    if ((eight & 0x8080808080808080) != 0) break;
  }
  return all_characters(text, [](char32_t) { return true; });
}

void append_escaped_text(std::string& out, std::string_view text) {
  append_escaped(out, text, false);
}

void append_escaped_attr(std::string& out, std::string_view text) {
  append_escaped(out, text, true);
}

std::string escape_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_escaped_text(out, text);
  return out;
}

std::string escape_attr(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_escaped_attr(out, text);
  return out;
}

}  // namespace xmpp
