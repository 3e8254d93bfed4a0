#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "replication/error.h"

namespace replication {

struct OutboxLimits {
  std::size_t queue_bytes_max = 64 << 20;
  std::size_t frame_bytes_max = 1 << 20;
};

/// Messages to one life of one node: numbered from 1, kept as finished frames until acknowledged,
/// read again from the last acknowledged one after a reconnect.
///
/// Threads: any. Pushing copies once under a short lock.
class Outbox {
 public:
  explicit Outbox(OutboxLimits limits) : limits_(limits) {}

  /// Errors: node_gone (closed), queue_full, too_large; the message was not taken.
  Result<void> push(std::string_view payload);

  /// Appends frames that have not been read yet, up to about `bytes_max`. Returns the number of the
  /// last one ever read.
  std::uint64_t read(std::size_t bytes_max, std::string& out);

  /// All up to `number` have arrived. False: it was never sent.
  bool acknowledge(std::uint64_t number);

  /// A new link: what is not acknowledged will be read again. Returns the number of the next
  /// message.
  std::uint64_t rewind();

  /// Takes messages (again): the node has a link.
  void open();

  /// Refuses messages from now on, and returns those that were not acknowledged, in order.
  std::vector<std::string> close();

  struct Backlog {
    std::uint64_t messages = 0;  // Not acknowledged.
    std::uint64_t bytes = 0;
    bool unread = false;
  };
  Backlog backlog() const;

 private:
  struct Segment {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    std::string bytes;
  };

  const OutboxLimits limits_;
  mutable std::mutex mutex_;
  std::deque<Segment> segments_;
  std::size_t bytes_ = 0;
  std::uint64_t next_ = 1;   // The number of the next message to be pushed.
  std::uint64_t acked_ = 0;  // All up to here have arrived.
  std::uint64_t read_ = 0;   // All up to here have been read for the present link.
  std::size_t read_segment_ = 0;
  std::size_t read_offset_ = 0;
  bool open_ = false;
};

}  // namespace replication
