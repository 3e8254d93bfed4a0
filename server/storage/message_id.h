#pragma once

#include <compare>
#include <cstdint>

namespace server {

/// Names a message in the whole cluster, and orders those of one sender: kept twice, it is one.
struct MessageId {
  std::uint64_t at = 0;      ///< Microseconds since 1970, when the server took it.
  std::uint64_t origin = 0;  ///< Random, one a loop and start; 0 for none.

  explicit operator bool() const { return origin != 0; }
  auto operator<=>(const MessageId&) const = default;
};

}  // namespace server
