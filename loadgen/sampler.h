#pragma once

#include <deque>

#include "loadgen/fleet.h"
#include "loadgen/recording.h"
#include "loadgen/run_state.h"
#include "loadgen/shard_group.h"

namespace loadgen {

/// Takes what the shards and the servers measured: each second a line of the recording, and the
/// state that the live view shows.
///
/// Threads: the conductor's.
class Sampler {
 public:
  /// All that is given outlives this. Of `state` it writes what is measured.
  Sampler(ShardGroup& shards, Fleet& fleet, Recording& recording, RunState& state);

  /// The counters right now. Histograms taken on the way belong to the running second.
  Snapshot totals();

  [[nodiscard]] bool is_due(Micros now) const;

  /// Adds what was measured since the last call to `phase` and to the whole run. True when it made
  /// a sample; false when the last one is less than half a second old, and the second goes on.
  bool sample(Micros now, Snapshot& phase);

  /// Counters at the last call of sample().
  [[nodiscard]] const Snapshot& last() const { return last_; }
  /// Histograms of the run.
  [[nodiscard]] const Snapshot& whole() const { return whole_; }

 private:
  void record(const Snapshot& counters, Micros now, double elapsed);

  ShardGroup& shards_;
  Fleet& fleet_;
  Recording& recording_;
  RunState& state_;
  std::deque<Snapshot> recent_{Snapshot()};  // The running second first, then the last ten.
  Snapshot whole_;
  Snapshot last_;
  Micros sampled_at_{};
  double generator_cpu_last_ = 0;
};

}  // namespace loadgen
