#include "replication/entry.h"

#include "replication/wire.h"

namespace replication {
namespace {

constexpr std::size_t header_bytes = 1 + 2 + 2 + 4;

}  // namespace

void append_entry(const Entry& entry, std::string& out) {
  const auto group = static_cast<std::uint16_t>(entry.group.size());
  const auto member = static_cast<std::uint16_t>(entry.member.size());
  const auto record = static_cast<std::uint32_t>(entry.record.size());
  const unsigned char header[header_bytes] = {
      static_cast<unsigned char>(entry.operation), static_cast<unsigned char>(group >> 8),
      static_cast<unsigned char>(group),           static_cast<unsigned char>(member >> 8),
      static_cast<unsigned char>(member),          static_cast<unsigned char>(record >> 24),
      static_cast<unsigned char>(record >> 16),    static_cast<unsigned char>(record >> 8),
      static_cast<unsigned char>(record),
  };
  out.append(reinterpret_cast<const char*>(header), header_bytes);
  out += entry.group;
  out += entry.member;
  out += entry.record;
}

std::optional<Entry> take_entry(std::string_view& bytes) {
  WireReader reader(bytes);
  Entry entry;
  auto operation = reader.number<std::uint8_t>();
  std::size_t group = reader.number<std::uint16_t>();
  std::size_t member = reader.number<std::uint16_t>();
  std::size_t record = reader.number<std::uint32_t>();
  if (operation != 1 && operation != 2) return std::nullopt;
  if (group > key_part_bytes_max || member > key_part_bytes_max || record > record_bytes_max) {
    return std::nullopt;
  }
  entry.operation = static_cast<Entry::Operation>(operation);
  if (entry.operation == Entry::Operation::erase && record != 0) return std::nullopt;
  entry.group = reader.bytes(group);
  entry.member = reader.bytes(member);
  entry.record = reader.bytes(record);
  if (!reader.ok()) return std::nullopt;
  bytes = reader.rest();
  return entry;
}

std::size_t entry_size(const Entry& entry) {
  return header_bytes + entry.group.size() + entry.member.size() + entry.record.size();
}

std::size_t entry_size(std::string_view bytes) {
  WireReader reader(bytes.substr(1, header_bytes - 1));
  std::size_t group = reader.number<std::uint16_t>();
  std::size_t member = reader.number<std::uint16_t>();
  return header_bytes + group + member + reader.number<std::uint32_t>();
}

}  // namespace replication
