#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tools/cluster/fault.h"
#include "tools/cluster/port_plan.h"
#include "tools/cluster/process.h"

namespace cluster {

/// What a node is doing, as the supervisor knows it.
enum class NodePhase { starting, ready, draining, paused, stopped, failed };

std::string_view name_of(NodePhase phase);

struct NodeRecord {
  std::string name;  // "n1"; its number follows the n.
  unsigned number = 0;
  NodePhase phase = NodePhase::starting;
  std::string version;            // As the node itself says; empty until it was ready once.
  std::filesystem::path program;  // The meerkatd that it runs.
  ProcessKey process;             // {} while it does not run.

  friend bool operator==(const NodeRecord&, const NodeRecord&) = default;
};

struct MysqlRecord {
  bool external = false;  // Given by --mysql; we neither start nor stop it.
  bool running = false;
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string user = "meerkat";
  std::string database = "meerkat";
  std::string socket;  // Of the private server; empty for an external one.
  ProcessKey process;

  friend bool operator==(const MysqlRecord&, const MysqlRecord&) = default;
};

/// The accounts made for load: `prefix`0 to `prefix`(count - 1), all with the same password.
struct AccountsRecord {
  std::string prefix = "load";
  std::string password;
  std::uint64_t count = 0;

  friend bool operator==(const AccountsRecord&, const AccountsRecord&) = default;
};

/// All that other programs may know of a cluster; the contents of cluster.json.
struct ClusterRecord {
  std::string name = "default";
  std::string domain = "localhost";
  std::filesystem::path folder;  // Absolute.
  PortPlan ports;
  ProcessKey supervisor;
  std::filesystem::path program;           // The meerkatd that new nodes run.
  std::filesystem::path previous_program;  // What `upgrade --back` returns to; may be empty.
  std::vector<NodeRecord> nodes;
  MysqlRecord mysql;
  AccountsRecord accounts;
  bool gates = false;     // A gate before each node's peers; see gates.h.
  bool peer_tls = false;  // TLS on the links between the nodes.
  /// Beside what the configuration file of each node says: flags of meerkatd without their dashes.
  std::vector<std::string> settings;

  [[nodiscard]] std::filesystem::path node_folder(const std::string& node) const {
    return folder / node;
  }
  [[nodiscard]] std::filesystem::path certificate_authority() const { return folder / "ca.crt"; }
};

/// The object that cluster.json holds, addresses spelt out. `from_json(to_json(r))` equals `r`.
boost::json::object to_json(const ClusterRecord& record);
boost::json::object to_json(const NodeRecord& node, const PortPlan& ports);

/// Errors: a member is missing or of another type.
Result<ClusterRecord> cluster_from_json(const boost::json::object& object);

/// Replaces `folder`/cluster.json in one step: a reader sees the former or the new file, whole.
Result<void> write_record(const ClusterRecord& record);

/// Reads `folder`/cluster.json. Errors: there is none, or it is not ours.
Result<ClusterRecord> read_record(const std::filesystem::path& folder);

/// Writes `text` to `path` in one step and readable by its owner only.
Result<void> write_private_file(const std::filesystem::path& path, std::string_view text);

}  // namespace cluster
