#include "xmpp/date_time.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace xmpp {
namespace {

using std::chrono::microseconds;

/// Takes pieces off the front of a text; one that is not there makes all that follows fail.
class Pieces {
 public:
  explicit Pieces(std::string_view text) : text_(text) {}

  int number(std::size_t digits, int least, int most) {
    int value = 0;
    if (text_.size() < digits) return fail();
    const char* const end = text_.data() + digits;
    const auto [stop, error] = std::from_chars(text_.data(), end, value);
    // A sign is none of the digits.
    if (error != std::errc() || stop != end || text_.front() == '-') return fail();
    text_.remove_prefix(digits);
    return value < least || value > most ? fail() : value;
  }

  void sign(char wanted) {
    if (!takes(wanted)) fail();
  }

  bool takes(char wanted) {
    if (text_.empty() || text_.front() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }

  /// The digits of a fraction of a second.
  microseconds fraction() {
    std::size_t size = 0;
    std::int64_t value = 0;
    for (; size < text_.size() && text_[size] >= '0' && text_[size] <= '9'; ++size) {
      if (size < 6) value = value * 10 + (text_[size] - '0');
    }
    if (size == 0) fail();
    text_.remove_prefix(size);
    for (; size < 6; ++size) value *= 10;
    return microseconds(value);
  }

  bool has_failed() const { return has_failed_; }
  bool is_at_end() const { return text_.empty(); }

 private:
  int fail() {
    has_failed_ = true;
    return 0;
  }

  std::string_view text_;
  bool has_failed_ = false;
};

std::chrono::minutes zone(Pieces& pieces) {
  if (pieces.takes('Z')) return {};
  const bool is_west = pieces.takes('-');
  if (!is_west) pieces.sign('+');
  const int hours = pieces.number(2, 0, 14);
  pieces.sign(':');
  const std::chrono::minutes offset =
      std::chrono::hours(hours) + std::chrono::minutes(pieces.number(2, 0, 59));
  return is_west ? -offset : offset;
}

}  // namespace

std::string date_time(std::uint64_t since_1970, int digits) {
  const std::chrono::sys_time<microseconds> at{microseconds(static_cast<std::int64_t>(since_1970))};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<microseconds> time(at - day);
  std::array<char, 64> text{};
  const int size = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
      static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return std::string(text.data(), static_cast<std::size_t>(size - 6 + digits)) + "Z";
}

std::optional<std::uint64_t> parse_date_time(std::string_view text) {
  Pieces pieces(text);
  const int year = pieces.number(4, 1970, 9999);
  pieces.sign('-');
  const int month = pieces.number(2, 1, 12);
  pieces.sign('-');
  const int day = pieces.number(2, 1, 31);
  pieces.sign('T');
  const int hour = pieces.number(2, 0, 23);
  pieces.sign(':');
  const int minute = pieces.number(2, 0, 59);
  pieces.sign(':');
  const int second = pieces.number(2, 0, 60);
  const microseconds fraction = pieces.takes('.') ? pieces.fraction() : microseconds(0);
  const std::chrono::minutes offset = zone(pieces);
  if (pieces.has_failed() || !pieces.is_at_end()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  const std::chrono::sys_time<microseconds> at =
      std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
      std::chrono::seconds(second) + fraction - offset;
  if (at.time_since_epoch().count() < 0) return std::nullopt;
  return static_cast<std::uint64_t>(at.time_since_epoch().count());
}

}  // namespace xmpp
