#include "discovery/mysql_backend.h"

#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <cppconn/prepared_statement.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>

#include <algorithm>
#include <utility>

namespace discovery {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::size_t nodes_max =
    1'000;                           // Rows only suggest: a forged million costs one read (K7).
constexpr int claim_tries_max = 32;  // Each lost race means that another node got listed.

// Byte strings, so that no collation merges two names and none is padded.
constexpr const char* create_table =
    "CREATE TABLE IF NOT EXISTS discovery_nodes ("
    " cluster VARBINARY(64) NOT NULL,"
    " name VARBINARY(250) NOT NULL,"
    " number SMALLINT UNSIGNED NOT NULL,"
    " incarnation BIGINT UNSIGNED NOT NULL,"
    " peer_address VARBINARY(255) NOT NULL,"
    " version VARBINARY(64) NOT NULL,"
    " protocol_min INT UNSIGNED NOT NULL,"
    " protocol_max INT UNSIGNED NOT NULL,"
    " state VARBINARY(16) NOT NULL,"
    " lease_until DATETIME(6) NOT NULL,"
    " PRIMARY KEY (cluster, name),"
    " UNIQUE KEY one_node_a_number (cluster, number)"
    ") ENGINE=InnoDB";

constexpr const char* select_nodes =
    "SELECT name, incarnation, number, peer_address, version, protocol_min, protocol_max, state,"
    " TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), lease_until) AS remaining,"
    " TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)) AS now"
    " FROM discovery_nodes WHERE cluster = ?"
    " ORDER BY lease_until > UTC_TIMESTAMP(6) DESC, number LIMIT ?";

constexpr const char* renew_row =
    "UPDATE discovery_nodes SET peer_address = ?, version = ?, protocol_min = ?, protocol_max = ?,"
    " state = ?, lease_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND"
    " WHERE cluster = ? AND name = ? AND incarnation = ?";

// Compares what was read with what is there, so of two claimants one finds nothing to update.
constexpr const char* take_row_over =
    "UPDATE discovery_nodes SET peer_address = ?, version = ?, protocol_min = ?, protocol_max = ?,"
    " state = ?, lease_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND, incarnation = ?"
    " WHERE cluster = ? AND name = ? AND incarnation = ?"
    " AND (lease_until <= UTC_TIMESTAMP(6) OR ?)";

constexpr const char* insert_row =
    "INSERT INTO discovery_nodes (peer_address, version, protocol_min, protocol_max, state,"
    " lease_until, incarnation, cluster, name, number)"
    " VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND, ?, ?, ?, ?)";

constexpr const char* recycle_rows =
    "DELETE FROM discovery_nodes WHERE cluster = ?"
    " AND lease_until < UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND";

constexpr const char* delete_row =
    "DELETE FROM discovery_nodes WHERE cluster = ? AND name = ? AND incarnation = ?";

Errc errc_of(MysqlFault fault) {
  switch (fault) {
    case MysqlFault::unavailable:
    case MysqlFault::contention:
      return Errc::registry_unavailable;
    case MysqlFault::access_denied:
      return Errc::access_denied;
    case MysqlFault::duplicate_key:
    case MysqlFault::too_long:
    case MysqlFault::broken:
      return Errc::registry_broken;
  }
  return Errc::registry_broken;
}

bool is_sound(const NodeRow& row) {
  return is_node_name(row.name) && parse_host_port(row.peer_address).has_value();
}

}  // namespace

// One connection with its statements. Every member throws sql::SQLException.
class MysqlBackend::Session {
 public:
  Session(const MysqlAddress& address, std::string cluster)
      : cluster_(std::move(cluster)), connection_(open_mysql(address)) {
    std::unique_ptr<sql::Statement> statement(connection_->createStatement());
    statement->execute(create_table);
    select_ = prepare(select_nodes);
    renew_ = prepare(renew_row);
    take_over_ = prepare(take_row_over);
    insert_ = prepare(insert_row);
    recycle_ = prepare(recycle_rows);
    delete_ = prepare(delete_row);
  }

  Reading read() {
    Reading reading;
    select_->setString(1, cluster_);
    select_->setUInt64(2, nodes_max + 1);
    std::unique_ptr<sql::ResultSet> rows(select_->executeQuery());
    while (rows->next()) {
      NodeRow row{
          .name = rows->getString(1),
          .incarnation = rows->getUInt64(2),
          .number = static_cast<std::uint16_t>(rows->getUInt(3)),
          .peer_address = rows->getString(4),
          .version = rows->getString(5),
          .protocol_min = rows->getUInt(6),
          .protocol_max = rows->getUInt(7),
          .state = parse_node_state(rows->getString(8).asStdString()),
          .lease_remaining = std::chrono::floor<milliseconds>(microseconds(rows->getInt64(9)))};
      reading.clock = std::chrono::system_clock::time_point(microseconds(rows->getInt64(10)));
      if (is_sound(row) && reading.nodes.size() < nodes_max) {
        reading.nodes.push_back(std::move(row));
      } else {
        ++reading.rows_ignored;
      }
    }
    return reading;
  }

  bool renew(const NodeRow& self, milliseconds lease) {
    int at = set_row(*renew_, self, lease);
    renew_->setString(++at, cluster_);
    renew_->setString(++at, self.name);
    renew_->setUInt64(++at, self.incarnation);
    return renew_->executeUpdate() > 0;
  }

  bool take_over(const NodeRow& self, milliseconds lease, std::uint64_t former, bool even_alive) {
    int at = set_row(*take_over_, self, lease);
    take_over_->setUInt64(++at, self.incarnation);
    take_over_->setString(++at, cluster_);
    take_over_->setString(++at, self.name);
    take_over_->setUInt64(++at, former);
    take_over_->setInt(++at, even_alive ? 1 : 0);
    return take_over_->executeUpdate() > 0;
  }

  void insert(const NodeRow& self, milliseconds lease, std::uint16_t number) {
    int at = set_row(*insert_, self, lease);
    insert_->setUInt64(++at, self.incarnation);
    insert_->setString(++at, cluster_);
    insert_->setString(++at, self.name);
    insert_->setUInt(++at, number);
    insert_->executeUpdate();
  }

  void recycle(milliseconds expired_for) {
    recycle_->setString(1, cluster_);
    recycle_->setInt64(2, microseconds(expired_for).count());
    recycle_->executeUpdate();
  }

  void remove(const NodeRow& self) {
    delete_->setString(1, cluster_);
    delete_->setString(2, self.name);
    delete_->setUInt64(3, self.incarnation);
    delete_->executeUpdate();
  }

 private:
  std::unique_ptr<sql::PreparedStatement> prepare(const char* text) {
    return std::unique_ptr<sql::PreparedStatement>(connection_->prepareStatement(text));
  }

  // The six columns that every write of a row begins with; returns how many there are.
  static int set_row(sql::PreparedStatement& statement, const NodeRow& self, milliseconds lease) {
    statement.setString(1, self.peer_address);
    statement.setString(2, self.version);
    statement.setUInt(3, self.protocol_min);
    statement.setUInt(4, self.protocol_max);
    statement.setString(5, std::string(name(self.state)));
    statement.setInt64(6, microseconds(lease).count());
    return 6;
  }

  MysqlThread thread_;
  std::string cluster_;
  std::unique_ptr<sql::Connection> connection_;  // Outlives the statements below.
  std::unique_ptr<sql::PreparedStatement> select_, renew_, take_over_, insert_, recycle_, delete_;
};

MysqlBackend::MysqlBackend(MysqlAddress address, std::string cluster)
    : address_(std::move(address)), cluster_(std::move(cluster)) {}

MysqlBackend::~MysqlBackend() = default;

// Runs `use` on an open session and turns what the connector throws into a value. Any failure but
// a lost race costs the session: its state is no longer known.
template <class F>
auto MysqlBackend::on_session(F use) -> decltype(use(std::declval<Session&>())) {
  try {
    if (!session_) session_ = std::make_unique<Session>(address_, cluster_);
    return use(*session_);
  } catch (const sql::SQLException& error) {
    session_.reset();
    working_since_.reset();
    last_failure_ = describe(address_) + ": " + error.what() + " (error " +
                    std::to_string(error.getErrorCode()) + ")";
    return errc_of(mysql_fault(error));
  }
}

Result<Reading> MysqlBackend::read() {
  return on_session([](Session& session) -> Result<Reading> { return session.read(); });
}

Result<void> MysqlBackend::leave(const NodeRow& self) {
  return on_session([&](Session& session) -> Result<void> {
    session.remove(self);
    return {};
  });
}

Result<Reading> MysqlBackend::renew(const NodeRow& self, milliseconds lease) {
  return on_session([&](Session& session) -> Result<Reading> {
    if (!session.renew(self, lease)) {
      const Result<void> claimed = claim(session, self, lease);
      if (claimed.has_error()) return claimed.error();
    }
    was_listed_ = true;
    Reading reading = session.read();
    recycle_if_due(session, reading, lease);
    return reading;
  });
}

Result<void> MysqlBackend::claim(Session& session, const NodeRow& self, milliseconds lease) {
  for (int tries = 0; tries < claim_tries_max; ++tries) {
    const Reading reading = session.read();
    const auto& nodes = reading.nodes;
    const auto holder = std::ranges::find(nodes, self.name, &NodeRow::name);
    if (holder != nodes.end()) {
      const bool former_life = !was_listed_ && holder->peer_address == self.peer_address &&
                               holder->incarnation < self.incarnation;
      if (session.take_over(self, lease, holder->incarnation, former_life)) return {};
      if (holder->lease_remaining > milliseconds(0)) {
        last_failure_ = "the name " + self.name + " is held by the node at " +
                        holder->peer_address + " for another " +
                        std::to_string(holder->lease_remaining.count()) + " ms";
        return Errc::name_taken;
      }
      continue;  // Gone or renewed since it was read.
    }

    // The least free number. Another node may take it first: then look again.
    std::uint16_t number = 1;
    while (std::ranges::find(nodes, number, &NodeRow::number) != nodes.end()) ++number;
    if (nodes.size() >= nodes_max) break;
    try {
      session.insert(self, lease, number);
      return {};
    } catch (const sql::SQLException& error) {
      const MysqlFault fault = mysql_fault(error);
      if (fault != MysqlFault::duplicate_key && fault != MysqlFault::contention) throw;
    }
  }
  last_failure_ = describe(address_) + ": no node number could be had";
  return Errc::registry_full;
}

void MysqlBackend::recycle_if_due(Session& session, const Reading& reading, milliseconds lease) {
  // After an outage every lease is over, and each node needs a moment to renew its own. So a row
  // goes only when the registry has worked, as seen from here, for all of the time that the row
  // was over: then its node had the chance.
  const auto now = std::chrono::steady_clock::now();
  if (!working_since_ || now - last_answer_ > lease / 2) working_since_ = now;
  last_answer_ = now;
  const bool any_over = std::ranges::any_of(
      reading.nodes, [&](const NodeRow& row) { return row.lease_remaining < -lease; });
  if (any_over && now - *working_since_ > lease) session.recycle(lease);
}

}  // namespace discovery
