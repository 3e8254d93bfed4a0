#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/audit.h"
#include "loadgen/histogram.h"

namespace loadgen {

/// The latencies that a run measures.
struct Latencies {
  Histogram delivery;
  Histogram within;   // Both ends on one node.
  Histogram across;   // On two.
  Histogram login;    // From connecting to the bound session.
  Histogram resume;   // The same, to the former session.
  Histogram offline;  // From a forced end to the next stream that has a session.
  Histogram lag;      // From due to taken up by our loop.
  Histogram ack;      // From due to acknowledged by the server.

  void add(const Latencies& other);
  void clear();
  /// By the member's name, as thresholds say it; nullptr if there is none.
  [[nodiscard]] const Histogram* find(std::string_view name) const;
};

/// What a shard counts for one target.
struct TargetCounts {
  std::uint64_t online = 0;
  std::uint64_t logins = 0;  // Or resumptions.
  Histogram delivery;        // To recipients there.
};

/// Counters are totals since the start; histograms hold what came since the last `Shard::take`.
struct Snapshot : Latencies {
  std::uint64_t offered = 0;
  std::uint64_t received = 0;
  std::uint64_t overflowed = 0;  // Refused by a full outbox.
  std::uint64_t held = 0;        // Closed model: not sent, as the last was not answered.
  std::uint64_t waiting = 0;     // In outboxes now.
  std::uint64_t online = 0;
  std::uint64_t wanted = 0;
  std::uint64_t logins = 0;   // To a new session.
  std::uint64_t resumed = 0;  // To the former one.
  std::uint64_t failed_logins = 0;
  std::uint64_t forced = 0;             // Streams that the server or the network ended.
  std::uint64_t churned = 0;            // Pairs that left and came back on purpose.
  std::uint64_t unacked = 0;            // Stanzas that wait for the server's acknowledgement now.
  std::uint64_t archives_left = 0;      // To be read.
  std::uint64_t archives_read = 0;      // To their end.
  std::uint64_t archives_given_up = 0;  // Not answered, whatever was tried.
  std::uint64_t archived = 0;           // Messages of this run that were met in archives.
  AuditCounts audit;
  std::vector<TargetCounts> targets;
  std::map<std::string, std::uint64_t> reasons;  // Why streams ended and logins failed; bounded.

  /// Counters and histograms: for the sum over shards.
  void add(const Snapshot& other);
  /// Histograms alone, those of the targets too.
  void add_histograms(const Snapshot& other);
  void clear_histograms();
};

}  // namespace loadgen
