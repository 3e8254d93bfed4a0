#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

#include "replication/entry.h"
#include "replication/function_ref.h"
#include "replication/status.h"

namespace replication {

/// The tail of one node's numbered writes to one table, as they go over the wire, kept up to a
/// number of bytes: the oldest leave as new ones come.
///
/// Threads: any. Appending copies once under a short lock.
class LogRing {
 public:
  explicit LogRing(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Where a reader stands: it has read up to `position`. The rest speeds up finding the place.
  struct Cursor {
    Position position = 0;
    Position segment_first = 0;
    std::size_t offset = 0;
  };

  /// Appends an entry; returns its position.
  Position append(const Entry& entry);

  /// The position of the last entry; 0 before the first.
  Position head() const { return head_.load(std::memory_order_acquire); }

  /// Whether a reader at `position` can still read on.
  bool has_after(Position position) const;

  using Wanted = FunctionRef<bool(std::string_view entry, Position)>;

  /// Appends some of the entries behind the cursor to `out`, up to about `bytes_max` (at least
  /// one), leaving out those for which `wanted` is given and says no. Moves the cursor, which
  /// stands at head() when there was nothing more. False: the entries behind it are no longer kept.
  bool read(Cursor& cursor, std::size_t bytes_max, const Wanted* wanted, std::string& out);

 private:
  struct Segment {
    Position first = 0;  // Of its first entry.
    std::uint64_t count = 0;
    std::string bytes;
  };

  void begin_segment(std::size_t entry_size);

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  std::deque<Segment> segments_;
  std::size_t bytes_ = 0;
  std::string spare_;  // Of a segment that has left: memory for the next one.
  std::atomic<Position> head_{0};
};

}  // namespace replication
