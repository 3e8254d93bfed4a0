#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "loadgen/audit.h"

namespace loadgen {

/// Compares one account's archive with what it and its partner wrote to each other: each message
/// must be there once, in the order in which its sender wrote it, and as it was written.
///
/// What came back as an error, was written once more in a new session, or went down with its
/// connection may be there or not, and in any place: nobody was promised anything of it.
///
/// Threads: the audit's owner's.
class ArchiveAudit {
 public:
  /// `flows`: from the owner and to it. `audit` takes what is found wrong.
  ArchiveAudit(Audit& audit, std::uint32_t owner, std::array<std::uint32_t, 2> flows);

  /// The archive's next message. False: it is of another run, and no matter.
  bool on_entry(std::string_view id, std::string_view from, std::string_view body, Micros now);

  /// The archive holds no more.
  void on_end(Micros now);

 private:
  struct Flow {
    std::uint32_t number = 0;
    std::uint32_t highest = 0;  // 1 + the highest number of a message that was met.
    std::vector<bool> met;
  };

  void offend(Fate fate, MessageKey key, Micros now);

  Audit& audit_;
  const std::uint32_t owner_;
  std::array<Flow, 2> flows_;
};

}  // namespace loadgen
