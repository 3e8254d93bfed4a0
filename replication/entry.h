#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace replication {

constexpr std::size_t key_part_bytes_max = 4096;
constexpr std::size_t record_bytes_max = 256 * 1024;  // Several fit in a frame of 1 MiB.

/// One write, as it stands in a log and in a frame.
/// Big-endian: operation u8 (1 put, 2 erase), group length u16, member length u16, record length
/// u32 (0 for an erase), group, member, record. See docs/protocol.md.
struct Entry {
  enum class Operation : std::uint8_t { put = 1, erase = 2 };

  Operation operation = Operation::put;
  std::string_view group;
  std::string_view member;
  std::string_view record;
};

void append_entry(const Entry& entry, std::string& out);

/// Takes the first entry off `bytes`. Nothing: they do not begin with an entry within the limits.
std::optional<Entry> take_entry(std::string_view& bytes);

/// The length that append_entry() adds.
std::size_t entry_size(const Entry& entry);

/// The length of the first entry of bytes that append_entry() made.
std::size_t entry_size(std::string_view bytes);

}  // namespace replication
