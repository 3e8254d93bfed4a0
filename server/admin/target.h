#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace server {

/// A request's target, taken apart and decoded once.
struct Target {
  std::vector<std::string> segments;  ///< `/livez` has one; a trailing slash adds an empty one.
  std::map<std::string, std::string> query;
};

/// Nullopt for all that means different things to different readers (hardening H1): not
/// origin-form, an empty segment before another, `.`, `..`, an encoded slash, backslash or control
/// character, broken escapes, a fragment, a query key twice.
std::optional<Target> parse_target(std::string_view text);

}  // namespace server
