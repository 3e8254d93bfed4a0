#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "loadgen/quantity.h"

namespace loadgen {

/// Which message of a run: the nth (from 0) that one sender wrote to one recipient.
struct MessageKey {
  std::uint32_t flow = 0;
  std::uint32_t seq = 0;
  friend bool operator==(const MessageKey&, const MessageKey&) = default;
};

/// What an id of this run says, or that it is none of ours.
enum class IdKind { ours, foreign, malformed };

/// Reads `run.flow.seq`. `foreign`: not of this run, such as what an offline store kept from an
/// earlier one. `malformed`: starts as ours and goes on as nothing we write.
IdKind parse_message_id(std::string_view id, std::string_view run, MessageKey& key);

std::string message_id(std::string_view run, MessageKey key);

/// A body carries when its message was due and a checksum over id, time and filling, so that the
/// recipient can tell an altered one. The filling holds what servers get wrong: markup characters,
/// quotes, tabs, two- and four-byte characters. `bytes` is the wanted size before escaping.
std::string message_body(std::string_view id, Micros due, std::size_t bytes);

/// The due time in `body`, or nothing when the checksum says that it is not what was written.
std::optional<Micros> check_message_body(std::string_view id, std::string_view body);

}  // namespace loadgen
