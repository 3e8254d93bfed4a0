#pragma once

#include <sys/types.h>

#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/mariadb.h"

namespace tests {

/// What a node of a test is told; the rest is as a user gets it.
struct NodeProcessOptions {
  std::string name = "n1";
  std::string cluster = "default";
  std::string secret = "a secret of the tests";
  const MariaDb* database = nullptr;     ///< Outlives the node. Null: SQLite, and no peers.
  std::string schema;                    ///< The database's name; empty: its default one.
  std::string toml;                      ///< Further sections of its file.
  std::vector<std::string> flags;        ///< Further ones, such as "--drain-notice=100ms".
  std::vector<std::string> environment;  ///< `NAME=value`, besides the test's own.
};

/// An answer over HTTP; `code` 0 means that there was none.
struct HttpAnswer {
  int code = 0;
  std::string body;
};

/// A meerkatd process of the test's own, on loopback and ports of its own, with its
/// files in a temporary folder. It dies with the test's process, however that ends.
///
/// The binary is `server/meerkatd` among the test's runfiles (`data = ["//server:meerkatd"]`).
/// Members throw std::runtime_error, with the end of the node's log, when it does not obey.
///
/// Threads: one at a time.
class NodeProcess {
 public:
  explicit NodeProcess(NodeProcessOptions options);  // Its files; not yet started.
  ~NodeProcess();                                    // Killed, its folder removed.

  NodeProcess(const NodeProcess&) = delete;
  NodeProcess& operator=(const NodeProcess&) = delete;

  void start();  ///< Does not wait. Also after kill() or wait_for_exit(): same ports and files.
  void wait_until_ready();

  void kill();       ///< SIGKILL, and waits for the end.
  void pause();      ///< SIGSTOP, done on return: its connections stay and nothing is answered.
  void resume();     ///< SIGCONT.
  void terminate();  ///< SIGTERM. Does not wait.
  void reload();     ///< SIGHUP. Does not wait.

  /// The exit code, once the process ended of itself; nullopt when it did not within `limit`. A
  /// signal's number counts from 128, as in a shell.
  std::optional<int> wait_for_exit(std::chrono::milliseconds limit);

  bool is_ready() const;
  HttpAnswer health(const std::string& path) const;
  /// With the node's token.
  HttpAnswer admin(const std::string& method, const std::string& path,
                   const std::string& body = {}) const;
  boost::json::value status() const;
  /// What `status` says of the node named `name`; null when it is not there.
  boost::json::value status_of(std::string_view name) const;
  void add_user(const std::string& jid, const std::string& password) const;

  const std::string& name() const { return options_.name; }
  std::uint16_t c2s_port() const { return ports_[0]; }
  std::uint16_t c2s_tls_port() const { return ports_[1]; }
  std::uint16_t peers_port() const { return ports_[2]; }

  /// All that the process wrote to stdout and stderr.
  std::string log() const;

 private:
  std::runtime_error failure(const std::string& what) const;

  NodeProcessOptions options_;
  std::filesystem::path folder_;
  std::vector<std::uint16_t> ports_;
  std::string token_;
  pid_t process_ = -1;
};

/// Nodes n1, n2, … with one database: all joined, with the accounts juliet@localhost and
/// romeo@localhost, whose passwords are their names.
class ClusterOfNodes {
 public:
  /// Makes the empty database `schema` in `database`, which outlives the cluster. `flags` go to
  /// each node.
  ClusterOfNodes(const MariaDb& database, const std::string& schema, std::size_t size,
                 std::vector<std::string> flags = {});

  NodeProcess& node(std::size_t index) { return *nodes_.at(index); }  ///< n1 is 0.
  /// One more that shares the database; not started.
  NodeProcess& add(NodeProcessOptions options);

 private:
  const MariaDb& database_;
  std::string schema_;
  std::vector<std::string> flags_;
  std::vector<std::unique_ptr<NodeProcess>> nodes_;
};

/// The path of what the test has as data, from the workspace's root.
std::string runfile(const std::string& path);

}  // namespace tests
