#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "server/log/log.h"

namespace server::log {

/// What each line begins with.
struct Heading {
  std::chrono::system_clock::time_point time;
  Level level;
  std::string_view node;  ///< Empty: left out.
  std::string_view area;
  std::string_view name;
  std::uint64_t suppressed = 0;  ///< Lines of this site that were left out before this one.
};

/// A JSON object in one line of ASCII and UTF-8 without control characters, whatever the fields
/// hold: what is not UTF-8 becomes U+FFFD.
std::string json_line(const Heading& heading, std::initializer_list<Field> fields);

/// The same for a person: `12:00:00.123 info  peers joined peer=n2 records=3`. Strings with other
/// characters than letters, digits and simple punctuation are quoted and escaped as in JSON.
std::string text_line(const Heading& heading, std::initializer_list<Field> fields);

/// A JSON string, quotes included. More than `bytes_max` are cut at a character and end in `…`.
std::string json_string(std::string_view text, std::size_t bytes_max = 256);

}  // namespace server::log
