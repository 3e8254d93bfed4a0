#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/cluster_file.h"
#include "loadgen/node_probe.h"
#include "loadgen/target.h"
#include "loadgen/tls.h"

namespace loadgen {

/// What is known of one server right now.
struct NodeStatus {
  std::string name;
  std::string state;
  std::string version;
  int pid = 0;
  double cpu_ratio = 0;              // Of one core, over the last second.
  std::uint64_t resident_bytes = 0;  // 0: unknown.
  std::optional<double> sessions;    // By its own count.
  std::size_t target = 0;            // Index in the TargetList.
};

/// The servers under load as this machine sees them: keeps the target list in step with the
/// cluster's file, and samples CPU, memory and metrics.
///
/// Threads: the conductor's.
class Fleet {
 public:
  Fleet(Poller& poller, TargetList& targets, TlsMode tls)
      : poller_(poller), targets_(targets), tls_(tls) {}

  /// A fixed list HOST:PORT; `pids` belong to them in this order, or are none.
  Result<void> use_targets(const std::vector<std::string>& targets, const std::vector<int>& pids);
  /// A local cluster, followed from here on.
  Result<void> use_cluster(const std::string& path);

  /// Reads the file again if it changed. True when it did.
  bool follow();
  /// Once a second: CPU, memory, metrics. `elapsed` since the last call.
  void sample(double elapsed_seconds);

  [[nodiscard]] const std::vector<NodeStatus>& nodes() const { return nodes_; }
  [[nodiscard]] const NodeStatus* find(const std::string& name) const;
  [[nodiscard]] const ClusterFile& cluster() const { return cluster_; }
  /// CPU seconds that all servers took since the start, restarts included.
  [[nodiscard]] double cpu_seconds() const { return cpu_seconds_; }
  [[nodiscard]] std::uint64_t resident_bytes() const;
  [[nodiscard]] bool knows_processes() const;

 private:
  struct Measured {
    int pid = 0;
    double cpu_seconds = 0;
    std::unique_ptr<MetricsProbe> probe;
  };

  void apply();
  std::size_t target_index(const std::string& name);

  Poller& poller_;
  TargetList& targets_;
  TlsMode tls_;
  std::string path_;
  std::string last_text_;
  ClusterFile cluster_;
  std::vector<NodeStatus> nodes_;
  std::map<std::string, Measured> measured_;
  double cpu_seconds_ = 0;
};

}  // namespace loadgen
