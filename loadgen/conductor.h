#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/child_process.h"
#include "loadgen/fleet.h"
#include "loadgen/live_view.h"
#include "loadgen/recording.h"
#include "loadgen/run_options.h"
#include "loadgen/run_state.h"
#include "loadgen/sampler.h"
#include "loadgen/scenario.h"
#include "loadgen/shard_group.h"
#include "loadgen/threshold.h"

namespace loadgen {

/// Plays one scenario: paces the phases, acts on the cluster, samples, judges, records.
///
/// Runs on the thread that calls it; the clients live on the shards' threads.
class Conductor final : public LiveKeys {
 public:
  /// `stops` counts the interrupts: one ends the load, a second ends the settling too.
  Conductor(RunOptions options, const std::atomic<int>& stops);
  ~Conductor();

  /// From the first login to the written recording. The exit code is the verdict.
  /// Errors: what stops a run before it starts (target unknown, TLS settings).
  Result<ExitCode> run();

  [[nodiscard]] const Recording& recording() const { return recording_; }

  void on_key(char key) override;

 private:
  Result<void> begin();
  void ramp();
  void play(const Phase& phase);
  void settle();
  void read_archives();
  ExitCode conclude();

  void begin_phase(const std::string& name);
  void end_phase();
  void turn();
  void sample();
  void set_rate(double rate);
  void set_sessions(double sessions);
  void start_action(const Action& action);
  void finish_action(const std::string& outcome);
  bool start_command(const Action& action, ActionRecord& record);
  std::string node_for(const Action& action);
  void event(const std::string& text);
  void watch_nodes();
  void figure(const std::string& name, double value);
  void phase_figures(PhaseRecord& phase);
  void scaling_figures();
  std::optional<double> metric(const Threshold& threshold);
  ExitCode judge_all(const std::vector<ThresholdResult>& results);
  boost::json::object run_line() const;
  boost::json::object phase_line(const PhaseRecord& phase) const;
  void record_end(ExitCode code, const std::vector<ThresholdResult>& results);
  [[nodiscard]] Micros now() const;
  [[nodiscard]] bool is_cut_short() const { return stops_.load() > 0 || aborted_ || unreachable_; }

  RunOptions options_;
  const std::atomic<int>& stops_;
  Poller poller_;
  TargetList targets_;
  Fleet fleet_;
  LiveView view_;
  Recording recording_;
  ShardGroup shards_;
  std::chrono::steady_clock::time_point zero_;
  RunState state_;
  Sampler sampler_;
  PhaseRecord current_;
  Snapshot phase_start_;
  double phase_start_cpu_ = 0;
  std::vector<PhaseRecord> phases_;
  std::vector<ActionRecord> actions_;
  std::unique_ptr<ChildProcess> child_;
  std::vector<std::unique_ptr<ChildProcess>> ended_children_;
  std::optional<std::size_t> running_action_;
  Micros followed_at_{};
  double rate_ = 0;
  std::uint64_t sessions_ = 0;
  std::map<std::string, double> figures_;
  std::map<std::string, std::string> node_states_;
  std::vector<std::string> reasons_;  // Why the run is inconclusive.
  std::string newest_;                // The node that was added last.
  std::string struck_;                // The node that an action named last.
  std::optional<Micros> step_at_;     // When the load stepped up, for the scaling figures.
  std::uint64_t baseline_bytes_ = 0;
  bool skip_phase_ = false;
  bool aborted_ = false;
  bool unreachable_ = false;
};

}  // namespace loadgen
