#include "replication/resume.h"

#include "replication/wire.h"

namespace replication {

std::string encode(const Resume& resume) {
  std::string body;
  put_number(resume.message_received, body);
  put_number(resume.message_next, body);
  put_number(static_cast<std::uint16_t>(resume.tables.size()), body);
  for (const Resume::Table& table : resume.tables) {
    std::string entry;
    put_number(table.number, entry);
    put_number(table.version, entry);
    put_number(static_cast<std::uint8_t>((table.unique ? 1 : 0) | (table.complete ? 2 : 0)), entry);
    put_number(table.applied, entry);
    put_short_text(table.name, entry);
    put_number(static_cast<std::uint16_t>(entry.size()), body);
    body += entry;
  }
  return body;
}

std::optional<Resume> decode_resume(std::string_view body) {
  WireReader reader(body);
  Resume resume;
  resume.message_received = reader.number<std::uint64_t>();
  resume.message_next = reader.number<std::uint64_t>();
  std::size_t count = reader.number<std::uint16_t>();
  for (; count > 0 && reader.ok(); --count) {
    WireReader entry(reader.bytes(reader.number<std::uint16_t>()));
    Resume::Table table;
    table.number = entry.number<std::uint16_t>();
    table.version = entry.number<std::uint16_t>();
    auto flags = entry.number<std::uint8_t>();
    table.unique = (flags & 1) != 0;
    table.complete = (flags & 2) != 0;
    table.applied = entry.number<std::uint64_t>();
    table.name = entry.short_text();
    if (!entry.ok()) return std::nullopt;
    resume.tables.push_back(std::move(table));
  }
  if (!reader.ok() || resume.message_next == 0) return std::nullopt;
  return resume;
}

}  // namespace replication
