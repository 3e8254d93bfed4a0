#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "loadgen/shard.h"

namespace loadgen {

/// The shards of a run, as one: splits what the run wants into each one's share, and sums up.
///
/// Threads: the conductor's.
class ShardGroup {
 public:
  ~ShardGroup() { stop(); }

  /// Errors: the TLS settings do not load.
  Result<void> start(const ShardOptions& options, std::size_t threads, TargetList& targets,
                     std::chrono::steady_clock::time_point zero);
  /// Ends the threads; connections close.
  void stop();

  void set_rate(double messages_per_second);
  /// `sessions` come in pairs.
  void set_sessions(std::size_t sessions, double logins_per_second);
  void set_churn(double sessions_per_second);
  /// No new messages; the ones in flight go on.
  void finish_sending();
  /// Begins to compare the archives with what was written: see Shard::read_archives.
  void read_archives();
  /// Calls each audit's last word and waits for it.
  void conclude();

  /// The sum of what `Shard::take` gives.
  Snapshot take();
  /// The wrong ones first; within a kind by time.
  std::vector<Offender> offenders();

 private:
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace loadgen
