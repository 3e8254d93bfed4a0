#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace server {

/// Names a message in the whole cluster, and orders those of one sender: kept twice, it is one.
struct MessageId {
  std::uint64_t at = 0;      ///< Microseconds since 1970, when the server took it.
  std::uint64_t origin = 0;  ///< Random, one a loop and start, below 2^63; 0 for none.

  explicit operator bool() const { return origin != 0; }
  auto operator<=>(const MessageId&) const = default;
};

/// As clients see it: 32 hexadecimal digits, whose order is that of the ids.
std::string to_text(MessageId id);

/// Empty when it is none.
std::optional<MessageId> parse_message_id(std::string_view text);

}  // namespace server
