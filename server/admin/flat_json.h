#pragma once

#include <boost/system/result.hpp>
#include <map>
#include <string>
#include <string_view>
#include <variant>

namespace server {

using FlatValue = std::variant<std::string, double, bool>;
using FlatObject = std::map<std::string, FlatValue>;

/// Reads one JSON object of strings, numbers and booleans. Nested values, `null` and a key that is
/// there twice are refused: which of two would count is a question that only an attacker asks
/// (hardening H2). The error is a sentence.
boost::system::result<FlatObject, std::string> parse_flat_json(std::string_view text);

}  // namespace server
