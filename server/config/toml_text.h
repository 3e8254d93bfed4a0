#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace server {

/// Where a character stands; both count from 1, columns in characters.
struct TextPlace {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

/// The first character beyond ASCII that stands neither in quotes nor in a comment, where TOML 1.0
/// has none. toml++ 3.3 must not see one: its test for white space is undefined on them.
std::optional<TextPlace> bare_beyond_ascii(std::string_view toml);

}  // namespace server
