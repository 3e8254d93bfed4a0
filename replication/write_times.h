#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "replication/status.h"

namespace replication {

/// When the writes of one log were made, as known to one who looks at its head every now and then:
/// to within the time between two looks, and for old writes more coarsely, so that the memory is
/// bounded. The writers pay nothing for it.
///
/// Threads: one.
class WriteTimes {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// The log's last write is `head` at `now`. Neither goes back.
  void look(Position head, Time now);

  /// The time of the look that first found a write behind `acked`, so that it is at least as old as
  /// that; nothing when no look has found one.
  std::optional<Time> first_after(Position acked) const;

  static constexpr std::size_t marks_max = 512;  // At 20 looks a second, the last 13 s in full.

 private:
  struct Mark {
    Position head = 0;
    Time found;
  };

  std::vector<Mark> marks_;  // Only of looks that found something new, so heads rise.
};

}  // namespace replication
