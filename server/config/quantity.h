#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "server/config/config.h"

namespace server {

/// Why a value cannot be what it should be. `message` follows the key's name: `port 70000 is above
/// 65535`.
struct Wrong {
  // Not an aggregate: those convert from a string alone, which Parsed<std::string> cannot bear.
  Wrong() = default;
  Wrong(std::string message, std::string fix) : message(std::move(message)), fix(std::move(fix)) {}

  std::string message;
  std::string fix;
};

template <class T>
using Parsed = boost::system::result<T, Wrong>;

/// `250ms`, `3s`, `5min` or `5m`, `2h`, `1d`; `0` alone needs no unit. At most ten years.
Parsed<std::chrono::milliseconds> parse_duration(std::string_view text);

/// `10000`, `64KiB`, `1MiB`, `2GiB`, and the decimal `64kB`, `1MB`, `2GB`.
Parsed<std::uint64_t> parse_bytes(std::string_view text);

/// `500`, `200k`, `1.5M`.
Parsed<std::uint64_t> parse_count(std::string_view text);

/// `500/s`, `2k/s`, `30/min`.
Parsed<Rate> parse_rate(std::string_view text);

/// `0.0.0.0:5222` or `[::]:5222`: an address of this machine, not a name, and a port.
Parsed<Endpoint> parse_endpoint(std::string_view text);

/// What the functions above read back as the same value, in the largest unit that fits.
std::string to_text(std::chrono::milliseconds duration);
std::string bytes_to_text(std::uint64_t bytes);
std::string count_to_text(std::uint64_t count);
std::string to_text(Rate rate);

}  // namespace server
