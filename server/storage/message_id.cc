#include "server/storage/message_id.h"

#include <array>
#include <charconv>

namespace server {
namespace {

constexpr std::size_t digits = 16;

std::optional<std::uint64_t> parse(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void append(std::string& text, std::uint64_t value) {
  std::array<char, digits> reversed{};
  for (char& digit : reversed) {
    digit = "0123456789abcdef"[value & 0xf];
    value >>= 4;
  }
  text.append(reversed.rbegin(), reversed.rend());
}

}  // namespace

std::string to_text(MessageId id) {
  std::string text;
  text.reserve(2 * digits);
  append(text, id.at);
  append(text, id.origin);
  return text;
}

std::optional<MessageId> parse_message_id(std::string_view text) {
  if (text.size() != 2 * digits) return std::nullopt;
  const auto at = parse(text.substr(0, digits));
  const auto origin = parse(text.substr(digits));
  if (!at || !origin) return std::nullopt;
  // Others than we write name nothing: no two texts are one id.
  const MessageId id{*at, *origin};
  return to_text(id) == text ? std::optional(id) : std::nullopt;
}

}  // namespace server
