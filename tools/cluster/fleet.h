#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tools/cluster/child.h"
#include "tools/cluster/fault.h"
#include "tools/cluster/gates.h"
#include "tools/cluster/placement.h"
#include "tools/cluster/state.h"

namespace cluster {

namespace asio = boost::asio;

using Seconds = std::chrono::duration<double>;

/// Called with one line for a person to read.
using Progress = std::function<void(const std::string&)>;

struct FleetOptions {
  std::chrono::milliseconds ready_limit{60'000};  // From start to ready, 20,000 sessions to learn.
  // A drain's own deadline is 60 s (meerkatd's default), its notice 1 s; the rest is for ending.
  std::chrono::milliseconds drain_limit{75'000};
  std::chrono::milliseconds look_interval{500};
};

/// How a drain went.
struct Drained {
  Seconds took{};
  std::uint64_t sessions_before = 0;  // Sessions when it began.
  bool complete = true;               // False: its deadline passed with sessions left (exit 75).
};

/// The nodes of a cluster as processes: starts them, drains them, breaks them, looks at them.
/// Keeps the record's nodes up to date and writes cluster.json after each change.
///
/// Threads: lives on the supervisor's loop.
class Fleet {
 public:
  /// `notice` hears of a node that ended by itself.
  Fleet(asio::io_context& loop, ClusterRecord& record, Placement& placement, FleetOptions options,
        Progress notice);

  /// Adds a node with the lowest free number, not started yet. Errors: no port is left for it.
  Result<std::string> add_record();

  /// Starts `node`, which must not run, on `program`. Errors: no such node, it runs, one of its
  /// ports is taken (with the holder's name), the program cannot be run.
  Result<void> launch(std::string node, std::filesystem::path program);

  /// Waits until `node` is ready: configured, listening, joined with every live peer and caught
  /// up. Answers the time since its launch. Errors: it ended or did not get there in time, with
  /// the last lines of its log.
  asio::awaitable<Result<Seconds>> await_ready(std::string node);

  /// Drains and ends `node` in order (SIGTERM, meerkatd's full drain). A node that ran no more is
  /// drained. Errors: it had to be killed past the limit; it ended with an error.
  asio::awaitable<Result<Drained>> drain(std::string node);

  /// Takes a node that does not run off the list.
  void forget(const std::string& node);

  /// Cuts the path between two nodes, or heals it, or all paths when both names are empty. Errors:
  /// the cluster has no gates; see Gates.
  Result<void> cut(const std::string& a, const std::string& b);
  Result<void> heal(const std::string& a, const std::string& b);
  [[nodiscard]] const std::set<Gates::Path>& cuts() const { return gates_.cuts(); }

  /// SIGKILL, SIGSTOP, SIGCONT. Errors: no such node, or it is not in a state for that.
  asio::awaitable<Result<void>> kill(std::string node);
  Result<void> pause(const std::string& node);
  Result<void> resume(const std::string& node);

  /// Ends all nodes within seconds, without a drain's patience, and launches
  /// none from then on.
  asio::awaitable<void> stop_all();

  /// Looks at all nodes again and again, for ever: readiness, sessions, versions.
  asio::awaitable<void> watch();

  /// As of the last look; zero for a node not seen yet.
  [[nodiscard]] std::uint64_t sessions(const std::string& node) const;

  /// Errors: no such node; the fault lists those there are.
  Result<NodeRecord*> find(const std::string& node);

 private:
  struct Process {
    std::shared_ptr<Child> child;
    std::chrono::steady_clock::time_point launched;
    bool end_expected = false;  // We ended it, so its end is no news.
  };

  asio::awaitable<void> mind(std::string node, std::shared_ptr<Child> child);
  asio::awaitable<void> look_at(std::string node);
  asio::awaitable<bool> all_ended(Deadline deadline);
  void signal_all(int signal);
  Result<void> ports_free(const NodeRecord& node) const;
  Process* process_of(const std::string& node);
  void set_phase(const std::string& node, NodePhase phase);
  void update_placement();
  void save();
  Fault with_log(const std::string& node, std::string text) const;

  asio::io_context& loop_;
  ClusterRecord& record_;
  Placement& placement_;
  FleetOptions options_;
  Gates gates_;
  Progress notice_;
  bool stopping_ = false;  // From stop_all() on nothing is launched.
  std::map<std::string, Process> processes_;
  std::map<std::string, NodeLook> looks_;
};

/// The fault of a port that somebody else listens on, naming the holder; absent when it is free.
std::optional<Fault> port_taken(std::uint16_t port, const std::string& what, const PortPlan& ports);

/// "1.4 s"
std::string in_seconds(Seconds time);

}  // namespace cluster
