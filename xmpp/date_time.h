#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xmpp {

/// A time as XEP-0082 writes it, in UTC and to the millisecond: `2026-01-31T12:00:00.000Z`.
/// `microseconds` are since 1970. With six `digits` to the microsecond.
std::string date_time(std::uint64_t microseconds, int digits = 3);

/// Microseconds since 1970 of such a text, with any zone and any fraction; what is finer is cut. A
/// leap second is the one after it. Empty when it is none, or before 1970 or after 9999 (hardening
/// S8).
std::optional<std::uint64_t> parse_date_time(std::string_view text);

}  // namespace xmpp
