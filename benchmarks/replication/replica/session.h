#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "replication/codec.h"

namespace benchmarks {

/// A session as MongooseIM shares it between its nodes by CETS: what its record says in 190 bytes
/// of Erlang's external format is here in 83. The key (a bare JID of 31 bytes and a resource of 14)
/// is a SessionKey; the pid is `session`, `loop` and the record's owner.
struct Session {
  std::uint64_t bound_at = 0;    ///< Microseconds since 1970.
  std::uint64_t session = 0;     ///< With the loop and the owner: where it lives.
  std::uint64_t changed_at = 0;  ///< Also the serial number of the write that made it so.
  std::uint32_t address = 0;
  std::uint16_t port = 0;
  std::uint16_t loop = 0;
  std::int8_t priority = 0;
  std::uint8_t presence = 0;
  std::uint8_t connection = 0;  ///< c2s_tls and its likes.
  std::string language = "en";  ///< Two bytes.
  std::string padding;          ///< To make records as long as another system's; mostly empty.
};

using SessionKey = std::pair<std::string, std::string>;

/// The key of the number: "user0010123456@chat.example.org", "gajim.4F7K2Q9Z".
SessionKey session_key(std::uint64_t number);

/// A record for the number, made by the write `serial`. `encoded_bytes`: what key and record are
/// padded to, if they are shorter.
Session session_record(std::uint64_t number, std::uint64_t serial, std::size_t encoded_bytes);

}  // namespace benchmarks

template <>
struct replication::Codec<benchmarks::Session> {
  static void encode(const benchmarks::Session& value, std::string& out);
  static bool decode(std::string_view bytes, benchmarks::Session& value);
  static std::uint64_t stamp(const benchmarks::Session& value) { return value.bound_at; }
};
