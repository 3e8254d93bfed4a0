#include "server/config/quantity.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <span>

namespace server {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array duration_units = {Unit{"ms", 1},   Unit{"s", 1e3},     Unit{"min", 60e3},
                                       Unit{"m", 60e3}, Unit{"h", 3'600e3}, Unit{"d", 86'400e3}};
constexpr std::array byte_units = {Unit{"", 1},
                                   Unit{"B", 1},
                                   Unit{"KiB", 1024},
                                   Unit{"MiB", 1024.0 * 1024},
                                   Unit{"GiB", 1024.0 * 1024 * 1024},
                                   Unit{"kB", 1e3},
                                   Unit{"MB", 1e6},
                                   Unit{"GB", 1e9}};
constexpr std::array count_units = {Unit{"", 1}, Unit{"k", 1e3}, Unit{"M", 1e6}};

constexpr double exact_max = 9007199254740992.0;  // 2^53: above it a double skips integers.

struct Amount {
  double number = 0;
  std::string_view unit;
};

/// A number without sign or exponent, and what follows it.
std::optional<Amount> split(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size() &&
         (text[length] == '.' || (text[length] >= '0' && text[length] <= '9'))) {
    ++length;
  }
  Amount amount;
  const auto [end, error] = std::from_chars(text.data(), text.data() + length, amount.number);
  if (length == 0 || error != std::errc{} || end != text.data() + length) return std::nullopt;
  amount.unit = text.substr(length);
  return amount;
}

std::optional<double> factor_of(std::span<const Unit> units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return std::nullopt;
}

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

Parsed<double> parse_amount(std::string_view text, std::span<const Unit> units,
                            const std::string& fix) {
  const auto amount = split(text);
  if (!amount) return Wrong{quoted(text) + " does not begin with a number", fix};
  const auto factor = factor_of(units, amount->unit);
  if (!factor && amount->unit.empty()) return Wrong{quoted(text) + " has no unit", fix};
  if (!factor) return Wrong{"unknown unit `" + std::string(amount->unit) + "`", fix};
  const double value = amount->number * *factor;
  if (value > exact_max) return Wrong{quoted(text) + " is too large", fix};
  if (value != std::floor(value)) {
    return Wrong{quoted(text) + " is not a whole number of the smallest unit", fix};
  }
  return value;
}

/// `value` in the largest unit that divides it.
std::string in_units(double value, std::span<const Unit> units) {
  Unit best = units.front();
  for (const Unit& unit : units) {
    if (value >= unit.factor && std::fmod(value, unit.factor) == 0 && unit.factor > best.factor) {
      best = unit;
    }
  }
  return std::to_string(static_cast<std::uint64_t>(value / best.factor)) + std::string(best.name);
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> parsed;
  const int family = host.find(':') == std::string::npos ? AF_INET : AF_INET6;
  return inet_pton(family, host.c_str(), parsed.data()) == 1;
}

}  // namespace

Parsed<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  const auto value =
      parse_amount(text, duration_units, "a duration such as \"250ms\", \"3s\", \"5min\"");
  if (value.has_error()) return value.error();
  if (*value > 315'360'000'000.0) return Wrong{quoted(text) + " is above ten years", ""};
  return std::chrono::milliseconds(static_cast<std::int64_t>(*value));
}

Parsed<std::uint64_t> parse_bytes(std::string_view text) {
  const auto value = parse_amount(text, byte_units, "a size such as \"64KiB\" or \"1MiB\"");
  if (value.has_error()) return value.error();
  return static_cast<std::uint64_t>(*value);
}

Parsed<std::uint64_t> parse_count(std::string_view text) {
  const auto value = parse_amount(text, count_units, "a count such as 500, \"200k\" or \"1M\"");
  if (value.has_error()) return value.error();
  return static_cast<std::uint64_t>(*value);
}

Parsed<Rate> parse_rate(std::string_view text) {
  const std::string fix = "a rate such as \"500/s\", \"2k/s\" or \"30/min\"";
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return Wrong{quoted(text) + " does not say per what", fix};
  const auto count = parse_amount(text.substr(0, slash), count_units, fix);
  if (count.has_error()) return count.error();
  const std::string_view per = text.substr(slash + 1);
  if (per == "s") return Rate{*count};
  if (per == "min") return Rate{*count / 60};
  return Wrong{"unknown unit `/" + std::string(per) + "`", fix};
}

Parsed<Endpoint> parse_endpoint(std::string_view text) {
  const std::string fix =
      "an address and a port such as \"0.0.0.0:5222\" or \"[::]:5222\", or \"off\"";
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Wrong{quoted(text) + " has no port", fix};
  std::string host(text.substr(0, colon));
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  if (is_bracketed != (host.find(':') != std::string::npos) || !is_address(host)) {
    return Wrong{quoted(host) + " is not an IP address", fix};
  }
  const std::string_view digits = text.substr(colon + 1);
  std::uint64_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || end != digits.data() + digits.size() ||
      error == std::errc::invalid_argument) {
    return Wrong{quoted(digits) + " is not a port", fix};
  }
  if (error != std::errc{} || port > 65535) {
    return Wrong{"port " + std::string(digits) + " is above 65535", "a port from 1 to 65535"};
  }
  return Endpoint{host, static_cast<std::uint16_t>(port)};
}

std::string to_text(std::chrono::milliseconds duration) {
  if (duration.count() == 0) return "0";
  return in_units(static_cast<double>(duration.count()), duration_units);
}

std::string bytes_to_text(std::uint64_t bytes) {
  // Decimal units are for reading only: 10,000 is clearer than 10kB between powers of two.
  return in_units(static_cast<double>(bytes), std::span(byte_units).first(5));
}

std::string count_to_text(std::uint64_t count) {
  return in_units(static_cast<double>(count), count_units);
}

std::string to_text(Rate rate) {
  if (rate.per_second == std::floor(rate.per_second)) {
    return count_to_text(static_cast<std::uint64_t>(rate.per_second)) + "/s";
  }
  return count_to_text(static_cast<std::uint64_t>(std::lround(rate.per_second * 60))) + "/min";
}

}  // namespace server
