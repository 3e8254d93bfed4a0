#include "discovery/mysql_backend.h"

#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <cppconn/prepared_statement.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace discovery {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t nodes_max =
    1'000;  // Rows only suggest: a forged million costs one read (K7).

// Each lost race means that another node got listed, so there are no more than nodes.
constexpr std::size_t claim_tries_max = nodes_max;

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
    " ORDER BY name = ? DESC, lease_until > UTC_TIMESTAMP(6) DESC, number LIMIT ?";

// One row, also when nobody has the name.
constexpr const char* select_holder =
    "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)), incarnation,"
    " peer_address, TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), lease_until)"
    " FROM (SELECT 1) AS always"
    " LEFT JOIN discovery_nodes ON cluster = ? AND name = ?";

// Of all rows, also of those that a reading leaves out.
constexpr const char* select_free_number =
    "SELECT MIN(candidate) FROM (SELECT 1 AS candidate"
    " UNION ALL SELECT number + 1 FROM discovery_nodes WHERE cluster = ?) AS candidates"
    " WHERE candidate <= 65535"
    " AND candidate NOT IN (SELECT number FROM discovery_nodes WHERE cluster = ?)";

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
  Session(const MysqlAddress& address, std::string cluster, Clock::time_point until)
      : cluster_(std::move(cluster)), until_(until), connection_(open_mysql(address)) {
    try {
      prepare_all();
    } catch (const sql::SQLException& error) {
      constexpr int no_such_table = 1146;
      if (error.getErrorCode() != no_such_table) throw;
      // Only then, so that a user who may not make tables can use one that is there.
      check_time();
      std::unique_ptr<sql::Statement> statement(connection_->createStatement());
      statement->execute(create_table);
      prepare_all();
    }
  }

  // No statement is begun after `until`.
  void set_deadline(Clock::time_point until) { until_ = until; }

  // `own_name` first, so that no number of forged rows pushes it out of the reading.
  Reading read(const std::string& own_name) {
    check_time();
    Reading reading;
    select_->setString(1, cluster_);
    select_->setString(2, own_name);
    select_->setUInt64(3, nodes_max + 1);
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

  // Who has a name, and the database's time in microseconds since 1970.
  struct Holder {
    bool is_there = false;
    std::uint64_t incarnation = 0;
    std::string peer_address{};
    microseconds lease_remaining{0};
    std::uint64_t now = 0;
  };
  Holder holder(const std::string& name) {
    check_time();
    holder_->setString(1, cluster_);
    holder_->setString(2, name);
    std::unique_ptr<sql::ResultSet> rows(holder_->executeQuery());
    rows->next();
    if (rows->isNull(2)) return {.now = rows->getUInt64(1)};
    return {.is_there = true,
            .incarnation = rows->getUInt64(2),
            .peer_address = rows->getString(3),
            .lease_remaining = microseconds(rows->getInt64(4)),
            .now = rows->getUInt64(1)};
  }

  // The least that no node has; 0: all are taken.
  std::uint16_t free_number() {
    check_time();
    free_number_->setString(1, cluster_);
    free_number_->setString(2, cluster_);
    std::unique_ptr<sql::ResultSet> rows(free_number_->executeQuery());
    rows->next();
    return rows->isNull(1) ? 0 : static_cast<std::uint16_t>(rows->getUInt(1));
  }

  bool renew(const NodeRow& self, milliseconds lease) {
    check_time();
    int at = set_row(*renew_, self, lease);
    renew_->setString(++at, cluster_);
    renew_->setString(++at, self.name);
    renew_->setUInt64(++at, self.incarnation);
    return renew_->executeUpdate() > 0;
  }

  bool take_over(const NodeRow& self, milliseconds lease, std::uint64_t former, bool even_alive) {
    check_time();
    int at = set_row(*take_over_, self, lease);
    take_over_->setUInt64(++at, self.incarnation);
    take_over_->setString(++at, cluster_);
    take_over_->setString(++at, self.name);
    take_over_->setUInt64(++at, former);
    take_over_->setInt(++at, even_alive ? 1 : 0);
    return take_over_->executeUpdate() > 0;
  }

  void insert(const NodeRow& self, milliseconds lease, std::uint16_t number) {
    check_time();
    int at = set_row(*insert_, self, lease);
    insert_->setUInt64(++at, self.incarnation);
    insert_->setString(++at, cluster_);
    insert_->setString(++at, self.name);
    insert_->setUInt(++at, number);
    insert_->executeUpdate();
  }

  void recycle(milliseconds expired_for) {
    check_time();
    recycle_->setString(1, cluster_);
    recycle_->setInt64(2, microseconds(expired_for).count());
    recycle_->executeUpdate();
  }

  void remove(const NodeRow& self) {
    check_time();
    delete_->setString(1, cluster_);
    delete_->setString(2, self.name);
    delete_->setUInt64(3, self.incarnation);
    delete_->executeUpdate();
  }

 private:
  void prepare_all() {
    select_ = prepare(select_nodes);
    holder_ = prepare(select_holder);
    free_number_ = prepare(select_free_number);
    renew_ = prepare(renew_row);
    take_over_ = prepare(take_row_over);
    insert_ = prepare(insert_row);
    recycle_ = prepare(recycle_rows);
    delete_ = prepare(delete_row);
  }

  std::unique_ptr<sql::PreparedStatement> prepare(const char* text) {
    check_time();
    return std::unique_ptr<sql::PreparedStatement>(connection_->prepareStatement(text));
  }

  // Each answer has its own time limit: many that are just in time would add up.
  void check_time() const {
    constexpr int server_lost = 2013;  // CR_SERVER_LOST, as the client library says it.
    if (Clock::now() > until_) throw sql::SQLException("answers too slowly", "HYT00", server_lost);
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
  Clock::time_point until_;
  std::unique_ptr<sql::Connection> connection_;  // Outlives the statements below.
  std::unique_ptr<sql::PreparedStatement> select_, holder_, free_number_, renew_, take_over_,
      insert_, recycle_, delete_;
};

MysqlBackend::MysqlBackend(MysqlAddress address, std::string cluster)
    : address_(std::move(address)), cluster_(std::move(cluster)) {}

MysqlBackend::~MysqlBackend() = default;

// Runs `use` on an open session and turns what the connector throws into a value. Any failure but
// a lost race costs the session: its state is no longer known.
template <class F>
auto MysqlBackend::on_session(F use) -> decltype(use(std::declval<Session&>())) {
  const auto until = Clock::now() + address_.connect_timeout + address_.query_timeout;
  try {
    if (!session_) session_ = std::make_unique<Session>(address_, cluster_, until);
    session_->set_deadline(until);
    return use(*session_);
  } catch (const sql::SQLException& error) {
    session_.reset();
    if (continuity_) continuity_->failed();
    last_failure_ = describe(address_) + ": " + error.what() + " (error " +
                    std::to_string(error.getErrorCode()) + ")";
    return errc_of(mysql_fault(error));
  }
}

Result<std::uint64_t> MysqlBackend::start_stamp(const std::string& name) {
  return on_session([&](Session& session) -> Result<std::uint64_t> {
    const Session::Holder former = session.holder(name);
    constexpr auto last = std::numeric_limits<std::uint64_t>::max();
    if (!former.is_there || former.incarnation == last) return former.now;
    return std::max(former.now, former.incarnation + 1);
  });
}

Result<Reading> MysqlBackend::read() {
  return on_session([this](Session& session) -> Result<Reading> { return session.read(name_); });
}

Result<void> MysqlBackend::leave(const NodeRow& self) {
  return on_session([&](Session& session) -> Result<void> {
    session.remove(self);
    return {};
  });
}

Result<Reading> MysqlBackend::renew(const NodeRow& self, milliseconds lease) {
  name_ = self.name;
  return on_session([&](Session& session) -> Result<Reading> {
    if (!session.renew(self, lease)) {
      const Result<void> claimed = claim(session, self, lease);
      if (claimed.has_error()) return claimed.error();
    }
    was_listed_ = true;
    Reading reading = session.read(name_);
    recycle_if_due(session, reading, lease);
    return reading;
  });
}

Result<void> MysqlBackend::claim(Session& session, const NodeRow& self, milliseconds lease) {
  for (std::size_t tries = 0; tries < claim_tries_max; ++tries) {
    const Session::Holder holder = session.holder(self.name);
    if (holder.is_there) {
      const bool former_life = !was_listed_ && holder.peer_address == self.peer_address &&
                               holder.incarnation < self.incarnation;
      if (session.take_over(self, lease, holder.incarnation, former_life)) return {};
      if (holder.lease_remaining > microseconds(0)) {
        const auto remaining = std::chrono::floor<milliseconds>(holder.lease_remaining);
        last_failure_ = "the name " + self.name + " is held by the node at " + holder.peer_address +
                        " for another " + std::to_string(remaining.count()) + " ms";
        return Errc::name_taken;
      }
      continue;  // Gone or renewed since it was read.
    }

    // Another node may take the number first: then look again.
    const std::uint16_t number = session.free_number();
    if (number == 0) break;
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
  if (!continuity_) continuity_.emplace(lease);
  continuity_->answered(Clock::now(), reading.clock);
  const bool any_over = std::ranges::any_of(
      reading.nodes, [&](const NodeRow& row) { return row.lease_remaining < -lease; });
  if (any_over && continuity_->has_lasted_a_lease()) session.recycle(lease);
}

}  // namespace discovery
