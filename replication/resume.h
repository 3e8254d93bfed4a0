#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/status.h"

namespace replication {

/// What each side says first on a proven link: which tables it has, and how far it is with the
/// other's logs and messages.
struct Resume {
  struct Table {
    std::uint16_t number = 0;  // The sender's, used in the frames of the sender's log.
    std::uint16_t version = 1;
    bool unique = false;
    bool complete = false;  // The sender holds the receiver's records as of `applied`.
    Position applied = 0;
    std::string name;
  };

  std::uint64_t message_received = 0;  // The last message of the receiver's that was taken.
  std::uint64_t message_next = 1;      // No message before this one will be sent.
  std::vector<Table> tables;
};

std::string encode(const Resume& resume);
std::optional<Resume> decode_resume(std::string_view body);

}  // namespace replication
