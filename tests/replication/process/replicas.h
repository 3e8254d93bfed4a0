#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/replication/process/replica_process.h"
#include "tests/support/tcp_gate.h"

namespace tests {

struct ReplicasOptions {
  std::vector<std::string> flags{};  ///< Of each, besides quick_limits(); the later one counts.
  /// Pairs of numbers whose connections go through gates, whoever dials.
  std::vector<std::pair<std::size_t, std::size_t>> gates{};
  /// How a node's process enters its network, and the address that it has there.
  std::vector<std::vector<std::string>> commands{};
  std::vector<std::string> hosts{};
  bool listed = false;  ///< In a registry, by the flags; else they are told of each other.
};

/// Replicas n1, n2, … that have started and know where the others are.
///
/// Threads: one at a time.
class Replicas {
 public:
  using Numbers = std::vector<std::size_t>;

  explicit Replicas(std::size_t count, ReplicasOptions options = {});

  ReplicaProcess& operator[](std::size_t number) { return *nodes_.at(number - 1); }
  std::size_t size() const { return nodes_.size(); }
  TcpGate& gate(std::size_t dialler, std::size_t dialled) { return *gates_.at({dialler, dialled}); }

  /// Starts those that do not run, all at once, and tells all of all.
  void start();

  /// Each that runs is linked with each that runs, and has caught up.
  bool all_ready();
  /// Waits for that, and until each that runs holds of each that runs exactly what that has itself,
  /// and nothing of anybody else. Nobody may write meanwhile.
  bool whole();

  /// Writes at one node, waits until that is replicated, and looks at the others at once: each that
  /// was not reported left out has it. Returns how many were looked at.
  std::size_t witness(std::size_t writer, const Numbers& others);

  /// Writes `count` records of the node's own range of keys, from the `from`th on.
  void put(std::size_t number, std::uint64_t from, std::uint64_t count);
  void erase(std::size_t number, std::uint64_t from, std::uint64_t count);
  /// Who has a record at a key of that node's range, as `number` sees it: "n1:17", or nothing.
  std::string owners_at(std::size_t number, std::size_t range, std::uint64_t key);

  void start_writers(double rate);
  void stop_writers();  ///< Of those that run.

  /// What was reported, and how things stand, for messages.
  std::string events();

 private:
  void introduce();
  bool holds_the_same();

  ReplicasOptions options_;
  std::vector<std::unique_ptr<ReplicaProcess>> nodes_;
  std::map<std::pair<std::size_t, std::size_t>, std::unique_ptr<TcpGate>> gates_;
  std::uint64_t witnessed_ = 0;
};

/// Limits short enough for tests: a heartbeat each 100 ms, silence after 800 ms, forgotten after
/// 2.5 s, lagging after 400 ms.
std::vector<std::string> quick_limits();

/// For tests in which nobody may be forgotten, however slow the machine is.
inline const std::string never_forget = "--forget-ms=600000";

}  // namespace tests
