#include "server/admin/target.h"

namespace server {
namespace {

constexpr std::size_t target_bytes_max = 4096;  // A JID of 3 × 1,023 bytes, and its route.

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Decodes once. RFC 3986 §2.4: twice would make `%252e` a dot.
std::optional<std::string> decode(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '%') {
      if (at + 2 >= text.size()) return std::nullopt;
      const int high = hex_value(text[at + 1]);
      const int low = hex_value(text[at + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      if (c == '/' || c == '\\') return std::nullopt;
      at += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return std::nullopt;
    decoded += c;
  }
  return decoded;
}

bool has_only_uri_characters(std::string_view text) {
  constexpr std::string_view refused = "#\\\"<>^`{|} ";
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7F || refused.find(c) != refused.npos) return false;
  }
  return true;
}

std::optional<std::map<std::string, std::string>> parse_query(std::string_view text) {
  std::map<std::string, std::string> query;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    const std::size_t equals = pair.find('=');
    const auto key = decode(pair.substr(0, equals));
    const auto value = decode(equals == pair.npos ? "" : pair.substr(equals + 1));
    if (!key || key->empty() || !value || !query.emplace(*key, *value).second) return std::nullopt;
  }
  return query;
}

}  // namespace

std::optional<Target> parse_target(std::string_view text) {
  if (text.size() > target_bytes_max || !text.starts_with('/') || !has_only_uri_characters(text)) {
    return std::nullopt;
  }
  Target target;
  const std::size_t question = text.find('?');
  std::string_view path = text.substr(1, question == text.npos ? text.npos : question - 1);
  while (true) {
    const std::size_t slash = path.find('/');
    const auto segment = decode(path.substr(0, slash));
    const bool is_last = slash == path.npos;
    if (!segment || *segment == "." || *segment == "..") return std::nullopt;
    if (segment->empty() && !is_last) return std::nullopt;
    target.segments.push_back(*segment);
    if (is_last) break;
    path.remove_prefix(slash + 1);
  }
  if (question != text.npos) {
    auto query = parse_query(text.substr(question + 1));
    if (!query) return std::nullopt;
    target.query = std::move(*query);
  }
  return target;
}

}  // namespace server
