#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "replication/codec.h"
#include "replication/node_id.h"

namespace server {

/// Names a session on the loop that holds it: a slot and how often the slot was used before, so
/// that an old id never finds a new session.
using SessionId = std::uint64_t;

/// What every node knows of a bound session; the key is its bare JID and its resource.
struct SessionRecord {
  std::uint64_t bound_at =
      0;  ///< Microseconds since 1970: of two with one full JID the later wins.
  SessionId session = 0;
  std::uint16_t loop = 0;
  std::int8_t priority = 0;
  bool wants_carbons = false;  ///< Copies of what its account's other clients say (XEP-0280).
  bool is_available = false;   ///< Has sent initial presence and not taken it back.
  bool is_detached = false;    ///< Has no stream: its client may resume it (XEP-0198).
};

using SessionKey = std::pair<std::string, std::string>;  ///< Bare JID, resource.

/// Where to deliver to one session.
struct SessionAddress {
  replication::NodeRef node;
  std::uint16_t loop = 0;
  SessionId session = 0;

  bool operator==(const SessionAddress&) const = default;
};

}  // namespace server

/// Little-endian: bound_at u64, session u64, loop u16, priority i8, flags u8 (bit 0: available,
/// bit 1: carbons, bit 2: detached).
template <>
struct replication::Codec<server::SessionRecord> {
  static void encode(const server::SessionRecord& value, std::string& out);
  static bool decode(std::string_view bytes, server::SessionRecord& value);
  static std::uint64_t stamp(const server::SessionRecord& value) { return value.bound_at; }
};
