#include "server/log/line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace server::log {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

/// Bytes of the UTF-8 character at the start of `text`; 0 if there is none (RFC 3629 §4).
std::size_t character_bytes(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const std::size_t bytes = first < 0xC2   ? 0
                            : first < 0xE0 ? 2
                            : first < 0xF0 ? 3
                            : first < 0xF5 ? 4
                                           : 0;
  if (bytes == 0 || text.size() < bytes) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  if (first == 0xE0 && at(1) < 0xA0) return 0;  // overlong
  if (first == 0xED && at(1) > 0x9F) return 0;  // surrogates
  if (first == 0xF0 && at(1) < 0x90) return 0;  // overlong
  if (first == 0xF4 && at(1) > 0x8F) return 0;  // above U+10FFFF
  return bytes;
}

/// Whether a terminal or a log viewer may take the character for a command or a line's end: C1
/// controls, U+2028, U+2029 and the direction marks U+202A to U+202E and U+2066 to U+2069.
bool is_hidden_control(std::string_view character) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 2) return at(0) == 0xC2 && at(1) < 0xA0;
  if (character.size() != 3 || at(0) != 0xE2) return false;
  return (at(1) == 0x80 && at(2) >= 0xA8 && at(2) <= 0xAE) ||
         (at(1) == 0x81 && at(2) >= 0xA6 && at(2) <= 0xA9);
}

std::string unicode_escape(std::string_view character) {
  unsigned code = static_cast<unsigned char>(character[0]);
  if (character.size() == 2) code = (code & 0x1F) << 6;
  if (character.size() == 3) code = (code & 0x0F) << 12;
  if (character.size() == 3) code |= (static_cast<unsigned char>(character[1]) & 0x3Fu) << 6;
  if (character.size() > 1) code |= static_cast<unsigned char>(character.back()) & 0x3Fu;
  std::array<char, 8> escape{};
  std::snprintf(escape.data(), escape.size(), "\\u%04x", code);
  return escape.data();
}

void append_character(std::string& out, std::string_view character) {
  const char c = character[0];
  if (character.size() > 1) {
    out += is_hidden_control(character) ? unicode_escape(character) : std::string(character);
  } else if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (c == '\n') {
    out += "\\n";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c == '\t') {
    out += "\\t";
  } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
    out += unicode_escape(character);
  } else {
    out += c;
  }
}

std::string number_text(double value) {
  if (!std::isfinite(value)) return "null";  // JSON has no other word for it.
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.begin(), digits.end(), value);
  return std::string(digits.data(), end);
}

std::string value_text(const Value& value) {
  return std::visit(
      [](const auto& held) -> std::string {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Held, std::string_view>) return json_string(held);
        if constexpr (std::is_same_v<Held, bool>) return held ? "true" : "false";
        if constexpr (std::is_same_v<Held, double>) return number_text(held);
        if constexpr (std::is_integral_v<Held> && !std::is_same_v<Held, bool>) {
          return std::to_string(held);
        }
      },
      value.get());
}

std::string_view level_name(Level level) {
  constexpr std::array<std::string_view, 5> names = {"trace", "debug", "info", "warning", "error"};
  return names[static_cast<std::size_t>(level)];
}

/// UTC, RFC 3339, in milliseconds.
std::string time_text(std::chrono::system_clock::time_point time) {
  const auto since_epoch = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch - seconds);
  const std::time_t when = seconds.count();
  std::tm parts{};
  gmtime_r(&when, &parts);
  std::array<char, 40> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text.data() + length, text.size() - length, ".%03dZ",
                static_cast<int>(millis.count()));
  return text.data();
}

bool is_plain(std::string_view text) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@+,";
  return !text.empty() && text.size() <= 256 && text.find_first_not_of(plain) == text.npos;
}

}  // namespace

std::string json_string(std::string_view text, std::size_t bytes_max) {
  std::string out = "\"";
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t bytes = character_bytes(text.substr(at));
    if (at + std::max<std::size_t>(bytes, 1) > bytes_max) break;
    if (bytes == 0) {
      out += replacement;
      ++at;
    } else {
      append_character(out, text.substr(at, bytes));
      at += bytes;
    }
  }
  if (at < text.size()) out += "…";
  return out + "\"";
}

std::string json_line(const Heading& heading, std::initializer_list<Field> fields) {
  std::string line = "{\"time\":\"" + time_text(heading.time) + "\",\"level\":\"";
  line += level_name(heading.level);
  line += '"';
  if (!heading.node.empty()) line += ",\"node\":" + json_string(heading.node);
  line += ",\"area\":" + json_string(heading.area) + ",\"event\":" + json_string(heading.name);
  for (const Field& field : fields) {
    line += "," + json_string(field.key) + ":" + value_text(field.value);
  }
  if (heading.suppressed > 0) line += ",\"suppressed\":" + std::to_string(heading.suppressed);
  return line + "}";
}

std::string text_line(const Heading& heading, std::initializer_list<Field> fields) {
  std::string level(level_name(heading.level));
  level.resize(7, ' ');
  std::string line = time_text(heading.time).substr(11, 12) + " " + level + " ";
  line += std::string(heading.area) + " " + std::string(heading.name);
  for (const Field& field : fields) {
    const auto* text = std::get_if<std::string_view>(&field.value.get());
    line += " " + std::string(field.key) + "=";
    line += text && is_plain(*text) ? std::string(*text) : value_text(field.value);
  }
  if (heading.suppressed > 0) line += " suppressed=" + std::to_string(heading.suppressed);
  return line;
}

}  // namespace server::log
