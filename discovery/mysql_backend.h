#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "discovery/backend.h"
#include "discovery/continuity.h"
#include "discovery/mysql_connection.h"

namespace discovery {

/// The registry as a table `discovery_nodes` in MySQL 8 or MariaDB 10.11, made if it is not there.
///
/// All time is the database's (UTC_TIMESTAMP): the nodes' clocks may differ. Each statement stands
/// alone, and two unique keys (cluster and name, cluster and number) decide every race, so no
/// transaction or lock is held between them. A lost connection is opened again by the next call.
///
/// A call ends, however slow the database is, soon after `connect_timeout` and `query_timeout`
/// together: no further statement is begun after that, and one answer takes a query_timeout.
class MysqlBackend final : public Backend {
 public:
  /// `cluster` (1..64 bytes) tells clusters apart that share a database.
  MysqlBackend(MysqlAddress address, std::string cluster);
  ~MysqlBackend() override;

  Result<std::uint64_t> start_stamp(const std::string& name) override;
  Result<Reading> renew(const NodeRow& self, std::chrono::milliseconds lease) override;
  Result<Reading> read() override;
  Result<void> leave(const NodeRow& self) override;
  [[nodiscard]] std::string last_failure() const override { return last_failure_; }

 private:
  class Session;

  Result<void> claim(Session& session, const NodeRow& self, std::chrono::milliseconds lease);
  void recycle_if_due(Session& session, const Reading& reading, std::chrono::milliseconds lease);

  template <class F>
  auto on_session(F use) -> decltype(use(std::declval<Session&>()));

  MysqlAddress address_;
  std::string cluster_;
  std::string name_;  // Of this node, once renew() has said it.
  std::unique_ptr<Session> session_;
  bool was_listed_ = false;  // A first claim may take over a former life's row; a later one not.
  std::optional<Continuity> continuity_;  // From the first renewal on, which says the lease.
  std::string last_failure_;
};

}  // namespace discovery
