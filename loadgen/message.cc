#include "loadgen/message.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace loadgen {
namespace {

constexpr std::string_view mark = "mk1 ";
constexpr std::size_t checksum_digits = 16;
constexpr std::string_view filling =
    "The meerkat's <guard> \"watches\" & whistles \xC3\xA9t\xC3\xA9, \xE2\x82\xAC 5 > 4, "
    "\xF0\x9F\x90\xBE\ttabs stay, ]]> too. ";

/// FNV-1a, 64 bits, over eight bytes at a time: it finds accidents, and need not resist anybody.
class Checksum {
 public:
  void add(std::string_view bytes) {
    while (bytes.size() >= sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data(), sizeof(word));
      mix(word);
      bytes.remove_prefix(sizeof(word));
    }
    for (const char byte : bytes) mix(static_cast<unsigned char>(byte));
  }
  [[nodiscard]] std::uint64_t value() const { return value_ ^ (value_ >> 29); }

 private:
  void mix(std::uint64_t word) {
    value_ = (value_ ^ word) * 0x100000001b3ULL;
    value_ ^= value_ >> 32;
  }
  std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

std::uint64_t checksum(std::string_view id, std::string_view rest) {
  Checksum sum;
  sum.add(id);
  sum.add("|");  // So that no byte can move from the id to the body unseen.
  sum.add(rest);
  return sum.value();
}

/// Cut at a character's border, so that the body stays UTF-8.
std::size_t character_border(std::string_view text, std::size_t at) {
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

IdKind parse_message_id(std::string_view id, std::string_view run, MessageKey& key) {
  if (id.size() <= run.size() || id.substr(0, run.size()) != run || id[run.size()] != '.') {
    return IdKind::foreign;
  }
  id.remove_prefix(run.size() + 1);
  if (!take_number(id, key.flow) || id.empty() || id[0] != '.') return IdKind::malformed;
  id.remove_prefix(1);
  if (!take_number(id, key.seq) || !id.empty()) return IdKind::malformed;
  return IdKind::ours;
}

std::string message_id(std::string_view run, MessageKey key) {
  std::string id;
  id.reserve(run.size() + 22);
  id.append(run).append(1, '.').append(std::to_string(key.flow));
  return id.append(1, '.').append(std::to_string(key.seq));
}

std::string message_body(std::string_view id, Micros due, std::size_t bytes) {
  std::string rest = std::to_string(due.count()) + " ";
  while (mark.size() + checksum_digits + 1 + rest.size() < bytes) {
    const auto room = bytes - mark.size() - checksum_digits - 1 - rest.size();
    if (room >= filling.size()) {
      rest.append(filling);
      continue;
    }
    const auto cut = character_border(filling, room);
    if (cut == 0) break;
    rest.append(filling.substr(0, cut));
    if (cut < room) break;
  }
  // A trailing blank would be a fair thing for a client to trim; ours end in a full stop.
  rest.append(".");
  std::array<char, checksum_digits + 1> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx",
                static_cast<unsigned long long>(checksum(id, rest)));
  std::string body(mark);
  body.append(digits.data(), checksum_digits).append(1, ' ').append(rest);
  return body;
}

std::optional<Micros> check_message_body(std::string_view id, std::string_view body) {
  if (body.size() < mark.size() + checksum_digits + 2 || !body.starts_with(mark)) {
    return std::nullopt;
  }
  body.remove_prefix(mark.size());
  std::uint64_t written = 0;
  const auto [end, error] =
      std::from_chars(body.data(), body.data() + checksum_digits, written, 16);
  if (error != std::errc() || end != body.data() + checksum_digits || *end != ' ') {
    return std::nullopt;
  }
  body.remove_prefix(checksum_digits + 1);
  if (checksum(id, body) != written) return std::nullopt;
  std::int64_t due = 0;
  if (!take_number(body, due)) return std::nullopt;
  return Micros(due);
}

}  // namespace loadgen
