#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/fault.h"

namespace loadgen {

/// Time inside a run. Everything is measured with the steady clock, in microseconds.
using Micros = std::chrono::microseconds;

inline double in_seconds(Micros value) { return static_cast<double>(value.count()) / 1e6; }

/// A closed interval such as `100..1KiB` or `100ms..10s`; a single value is both its ends.
template <class T>
struct Range {
  T low{};
  T high{};
};

/// "10k", "2M", "30000": how many. Errors: not a number, negative, unknown suffix.
Result<std::uint64_t> parse_count(std::string_view text);

/// "2k/s", "500/s", "30/m", "0": events a second.
Result<double> parse_rate(std::string_view text);

/// "250ms", "30s", "5m", "1h", "80us". The unit is required.
Result<Micros> parse_duration(std::string_view text);

/// "100", "1KiB", "2MiB": bytes.
Result<std::uint64_t> parse_size(std::string_view text);

/// "100ms..10s" or "5s".
Result<Range<Micros>> parse_duration_range(std::string_view text);

/// "100..1KiB" or "256".
Result<Range<std::uint64_t>> parse_size_range(std::string_view text);

/// "127.0.1.1-8" (the last number is a range), or a list "127.0.0.2,127.0.0.3".
Result<std::vector<std::string>> parse_addresses(std::string_view text);

/// For people: "30,000".
std::string grouped(std::uint64_t value);

/// The same, rounded; never below 0.
std::string whole(double value);

/// For people, of three digits: "250 ms", "2.6 ms", "12 us", "1.35 s". Input in seconds.
std::string short_time(double seconds);

/// "02:41", or "1:02:41" from an hour on.
std::string clock_text(Micros elapsed);

}  // namespace loadgen
