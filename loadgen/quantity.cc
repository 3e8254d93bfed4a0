#include "loadgen/quantity.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

namespace loadgen {
namespace {

struct Split {
  double number = 0;
  std::string_view unit;
};

/// Number and the unit behind it. Strict: no blanks, no sign.
std::optional<Split> split(std::string_view text) {
  Split result;
  if (text.empty() || (text[0] != '.' && (text[0] < '0' || text[0] > '9'))) return std::nullopt;
  const char* end = text.data() + text.size();
  const auto [rest, error] =
      std::from_chars(text.data(), end, result.number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(result.number)) return std::nullopt;
  result.unit = std::string_view(rest, static_cast<std::size_t>(end - rest));
  return result;
}

std::optional<double> thousands(std::string_view unit) {
  if (unit.empty()) return 1;
  if (unit == "k") return 1e3;
  if (unit == "M") return 1e6;
  return std::nullopt;
}

Fault unreadable(std::string_view text, std::string_view wanted) {
  return Fault{"`" + std::string(text) + "` is not " + std::string(wanted)};
}

template <class T, class Parse>
Result<Range<T>> parse_range(std::string_view text, Parse parse, std::string_view wanted) {
  const auto dots = text.find("..");
  const auto low = parse(text.substr(0, dots));
  if (low.has_error()) return low.error();
  if (dots == std::string_view::npos) return Range<T>{*low, *low};
  const auto high = parse(text.substr(dots + 2));
  if (high.has_error()) return high.error();
  if (*high < *low) return unreadable(text, wanted);
  return Range<T>{*low, *high};
}

}  // namespace

Result<std::uint64_t> parse_count(std::string_view text) {
  const auto parts = split(text);
  const auto factor = parts ? thousands(parts->unit) : std::nullopt;
  if (!factor || parts->number * *factor > 1e15) {
    return unreadable(text, "a count; write 500, 10k or 2M");
  }
  return static_cast<std::uint64_t>(std::llround(parts->number * *factor));
}

Result<double> parse_rate(std::string_view text) {
  const auto wanted = "a rate; write 500/s, 2k/s or 30/m";
  if (text == "0") return 0.0;
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return unreadable(text, wanted);
  const auto parts = split(text.substr(0, slash));
  const auto factor = parts ? thousands(parts->unit) : std::nullopt;
  const auto per = text.substr(slash + 1);
  if (!factor || (per != "s" && per != "m")) return unreadable(text, wanted);
  return parts->number * *factor / (per == "m" ? 60 : 1);
}

Result<Micros> parse_duration(std::string_view text) {
  const auto parts = split(text);
  double factor = 0;
  if (parts && parts->unit == "us") factor = 1;
  if (parts && parts->unit == "ms") factor = 1e3;
  if (parts && parts->unit == "s") factor = 1e6;
  if (parts && parts->unit == "m") factor = 60e6;
  if (parts && parts->unit == "h") factor = 3600e6;
  if (factor == 0 || parts->number * factor > 1e15) {
    return unreadable(text, "a time; write 250ms, 30s or 5m");
  }
  return Micros(std::llround(parts->number * factor));
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto parts = split(text);
  double factor = 0;
  if (parts && (parts->unit.empty() || parts->unit == "B")) factor = 1;
  if (parts && parts->unit == "KiB") factor = 1024;
  if (parts && parts->unit == "MiB") factor = 1024.0 * 1024;
  if (factor == 0 || parts->number * factor > 1e12) {
    return unreadable(text, "a size; write 100, 1KiB or 2MiB");
  }
  return static_cast<std::uint64_t>(std::llround(parts->number * factor));
}

Result<Range<Micros>> parse_duration_range(std::string_view text) {
  return parse_range<Micros>(text, parse_duration, "a range of times; write 100ms..10s");
}

Result<Range<std::uint64_t>> parse_size_range(std::string_view text) {
  return parse_range<std::uint64_t>(text, parse_size, "a range of sizes; write 100..1KiB");
}

Result<std::vector<std::string>> parse_addresses(std::string_view text) {
  std::vector<std::string> addresses;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto one = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    const auto dash = one.find('-');
    const auto dot = one.rfind('.', dash);
    if (dash == std::string_view::npos) {
      addresses.emplace_back(one);
      continue;
    }
    unsigned from = 0;
    unsigned to = 0;
    const auto first = dot == std::string_view::npos ? one : one.substr(dot + 1, dash - dot - 1);
    const auto last = one.substr(dash + 1);
    std::from_chars(first.data(), first.data() + first.size(), from);
    std::from_chars(last.data(), last.data() + last.size(), to);
    if (dot == std::string_view::npos || to < from || to > 255) {
      return unreadable(one, "a range of addresses; write 127.0.1.1-8");
    }
    for (unsigned number = from; number <= to; ++number) {
      addresses.push_back(std::string(one.substr(0, dot + 1)) + std::to_string(number));
    }
  }
  return addresses;
}

std::string grouped(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string whole(double value) {
  return grouped(static_cast<std::uint64_t>(std::llround(std::max(0.0, value))));
}

std::string short_time(double seconds) {
  double value = seconds;
  const char* unit = "s";
  if (seconds < 1e-3) {
    value = seconds * 1e6;
    unit = "us";
  } else if (seconds < 1) {
    value = seconds * 1e3;
    unit = "ms";
  }
  std::array<char, 32> text{};
  const int digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  std::snprintf(text.data(), text.size(), "%.*f %s", digits, value, unit);
  return text.data();
}

std::string clock_text(Micros elapsed) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(elapsed).count();
  std::array<char, 32> text{};
  if (seconds >= 3600) {
    std::snprintf(text.data(), text.size(), "%d:%02d:%02d", static_cast<int>(seconds / 3600),
                  static_cast<int>(seconds / 60 % 60), static_cast<int>(seconds % 60));
  } else {
    std::snprintf(text.data(), text.size(), "%02d:%02d", static_cast<int>(seconds / 60),
                  static_cast<int>(seconds % 60));
  }
  return text.data();
}

}  // namespace loadgen
