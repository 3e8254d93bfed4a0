#include "server/config/toml_text.h"

#include <algorithm>

namespace server {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

/// Behind the string or the comment that begins at `at`, by TOML 1.0; `at` if none begins there. A
/// string of one line that is not closed ends with its line.
std::size_t behind_quoted(std::string_view toml, std::size_t at) {
  if (toml[at] == '#') return std::min(toml.find('\n', at), toml.size());
  if (toml[at] != '"' && toml[at] != '\'') return at;
  const char quote = toml[at];
  const std::string_view three = quote == '"' ? R"(""")" : "'''";
  const bool is_long = toml.substr(at).starts_with(three);
  const std::string_view close = is_long ? three : three.substr(0, 1);
  at += close.size();
  while (at < toml.size() && !toml.substr(at).starts_with(close)) {
    if (!is_long && toml[at] == '\n') return at;
    at += quote == '"' && toml[at] == '\\' ? 2 : 1;
  }
  if (at >= toml.size()) return toml.size();
  at += close.size();
  // Up to two quotes may stand before the closing three: they are the string's.
  for (int more = 0; is_long && more < 2 && at < toml.size() && toml[at] == quote; ++more) ++at;
  return at;
}

}  // namespace

std::optional<TextPlace> bare_beyond_ascii(std::string_view toml) {
  TextPlace place;
  const auto pass = [&](char c) {
    if (c == '\n') {
      ++place.line;
      place.column = 1;
    } else if (!is_continuation(c)) {
      ++place.column;
    }
  };
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  std::size_t at = toml.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
  while (at < toml.size()) {
    const std::size_t behind = behind_quoted(toml, at);
    if (behind == at && static_cast<unsigned char>(toml[at]) >= 0x80) return place;
    const std::size_t end = behind == at ? at + 1 : behind;
    for (; at < end; ++at) pass(toml[at]);
  }
  return std::nullopt;
}

}  // namespace server
