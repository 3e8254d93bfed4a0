#include "server/router/session_record.h"

namespace {

constexpr std::size_t record_bytes = 20;

void append(std::string& out, std::uint64_t value, int bytes) {
  for (int at = 0; at < bytes; ++at) out += static_cast<char>(value >> (8 * at) & 0xff);
}

std::uint64_t take(std::string_view& bytes, int count) {
  std::uint64_t value = 0;
  for (int at = 0; at < count; ++at) {
    value |= std::uint64_t{static_cast<unsigned char>(bytes[static_cast<std::size_t>(at)])}
             << (8 * at);
  }
  bytes.remove_prefix(static_cast<std::size_t>(count));
  return value;
}

}  // namespace

void replication::Codec<server::SessionRecord>::encode(const server::SessionRecord& value,
                                                       std::string& out) {
  append(out, value.bound_at, 8);
  append(out, value.session, 8);
  append(out, value.loop, 2);
  append(out, static_cast<std::uint8_t>(value.priority), 1);
  append(out,
         (value.is_available ? 1 : 0) | (value.wants_carbons ? 2 : 0) | (value.is_detached ? 4 : 0),
         1);
}

bool replication::Codec<server::SessionRecord>::decode(std::string_view bytes,
                                                       server::SessionRecord& value) {
  if (bytes.size() < record_bytes) return false;
  value.bound_at = take(bytes, 8);
  value.session = take(bytes, 8);
  value.loop = static_cast<std::uint16_t>(take(bytes, 2));
  value.priority = static_cast<std::int8_t>(take(bytes, 1));
  const std::uint64_t flags = take(bytes, 1);
  value.is_available = (flags & 1) != 0;
  value.wants_carbons = (flags & 2) != 0;
  value.is_detached = (flags & 4) != 0;
  return true;
}
