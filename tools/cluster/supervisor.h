#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/cluster/control_server.h"
#include "tools/cluster/database.h"
#include "tools/cluster/fleet.h"
#include "tools/cluster/message.h"
#include "tools/cluster/placement.h"
#include "tools/cluster/relay.h"
#include "tools/cluster/state.h"

namespace cluster {

namespace asio = boost::asio;

struct SupervisorOptions {
  std::string name = "default";
  std::filesystem::path folder;  // This cluster's own: .meerkat/NAME, absolute.
  unsigned nodes = 3;
  std::uint16_t port_base = 15000;
  std::uint64_t accounts = 0;          // Made for load; see accounts.h.
  std::filesystem::path program;       // meerkatd
  std::filesystem::path next_program;  // What `upgrade --to=next` means.
  std::optional<MysqlUrl> mysql;       // Absent: a private server.
  bool gates = false;                  // See gates.h.
  bool peer_tls = false;               // On the links between the nodes.
  std::vector<std::string> settings;   // Of all nodes; see ClusterRecord.
  bool keep = false;                   // Keep the folder when it ends by a signal.
  std::string command = "cluster";     // How this program was called, for hints.
};

/// Runs one cluster: owns its processes, its balancer and its control socket, and ends with them.
///
/// Threads: all on the loop it is given, which the main thread runs (see spawn()).
class Supervisor {
 public:
  Supervisor(asio::io_context& loop, SupervisorOptions options);

  /// Brings the cluster up, hands the outcome to `announce`, serves commands until `down`, `reset`
  /// or `stop()`, and ends all. Answers the exit code. `progress` hears of everything until then.
  asio::awaitable<int> run(Progress progress, std::function<void(const Reply&)> announce);

  /// As Ctrl-C does: ends all, and deletes the folder unless it is to be kept.
  void stop();

 private:
  asio::awaitable<Result<Reply>> bring_up(Progress progress);
  asio::awaitable<Result<void>> start_database(Progress progress);
  asio::awaitable<Result<void>> make_accounts(Progress progress);
  asio::awaitable<void> bring_down();  // May run again, and twice at once.
  asio::awaitable<Reply> strike(std::string verb, boost::json::object request);
  asio::awaitable<Reply> command(boost::json::object request, Progress progress);
  asio::awaitable<Result<Reply>> change(std::string verb, boost::json::object request,
                                        Progress progress);
  asio::awaitable<Result<Reply>> strike_database(std::string verb);
  asio::awaitable<Result<Reply>> add(boost::json::object request, Progress progress);
  asio::awaitable<Result<Reply>> remove(std::string node, Progress progress);
  asio::awaitable<Result<Reply>> restart(std::string node, Progress progress);
  asio::awaitable<Result<Reply>> run_upgrade(boost::json::object request, Progress progress);
  asio::awaitable<Reply> end(bool delete_folder);
  Reply status();

  asio::io_context& loop_;
  SupervisorOptions options_;
  ClusterRecord record_;
  Placement placement_;
  Database database_;
  Fleet fleet_;
  Relay relay_;
  ControlServer control_;
  asio::steady_timer stop_event_;  // Cancelled when the end is asked for.
  bool stopping_ = false;
  bool delete_folder_ = false;
  std::string busy_with_;  // The command that changes the cluster now; empty: none.
};

}  // namespace cluster
