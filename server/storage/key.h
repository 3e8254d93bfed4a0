#pragma once

#include <boost/system/error_code.hpp>
#include <string_view>

namespace server {

/// Why `key` cannot stand in a `$key` column, if it cannot: refused before any database could cut,
/// pad or re-code it. Errors: bad_key, too_long.
boost::system::error_code check_key(std::string_view key);

}  // namespace server
