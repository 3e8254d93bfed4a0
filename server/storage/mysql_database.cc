#include "server/storage/mysql_database.h"

#include <cppconn/prepared_statement.h>
#include <cppconn/resultset.h>

#include <deque>
#include <sstream>
#include <utility>

#include "server/storage/mysql_pool_use.h"
#include "server/storage/mysql_schema.h"
#include "xmpp/escape.h"

namespace server {
namespace {

constexpr auto migration_timeout = std::chrono::minutes(10);

// Binds the values of one statement. Bytes that are no UTF-8 go as BLOB, so that no server checks
// or converts them as text; the others, whom that leaves alone, go within the statement's own
// packet: each BLOB is a packet of its own. Lives until the statement is executed: that reads them
// from here.
class Binder {
 public:
  Binder(sql::PreparedStatement& statement, SqlParameters parameters) : statement_(statement) {
    for (const SqlParameter& parameter : parameters) {
      ++at_;
      std::visit([this](const auto& value) { bind(value); }, parameter);
    }
  }

 private:
  void bind(std::uint64_t value) { statement_.setUInt64(at_, value); }
  void bind(std::string_view value) {
    statement_.setString(at_, sql::SQLString(value.data(), value.size()));
  }
  void bind(SqlBytes bytes) {
    if (xmpp::is_utf8(bytes.value)) return bind(bytes.value);
    blobs_.emplace_back(std::string(bytes.value));
    statement_.setBlob(at_, &blobs_.back());
  }

  sql::PreparedStatement& statement_;
  unsigned at_ = 0;
  std::deque<std::istringstream> blobs_;
};

class Rows final : public SqlRows {
 public:
  explicit Rows(sql::ResultSet* rows) : rows_(rows) {}

  bool next() override { return rows_->next(); }
  std::string text(int column) const override {
    return rows_->getString(static_cast<std::uint32_t>(column + 1)).asStdString();
  }
  std::uint64_t number(int column) const override {
    return rows_->getUInt64(static_cast<std::uint32_t>(column + 1));
  }

 private:
  std::unique_ptr<sql::ResultSet> rows_;
};

class Connection final : public SqlConnection {
 public:
  explicit Connection(MysqlSession& session) : session_(session) {}

  using SqlConnection::change, SqlConnection::query;

  std::uint64_t change(std::string_view text, SqlParameters parameters) override {
    sql::PreparedStatement& statement = session_.statement(text);
    const Binder binder(statement, parameters);
    return static_cast<std::uint64_t>(statement.executeUpdate());
  }

  std::unique_ptr<SqlRows> query(std::string_view text, SqlParameters parameters) override {
    sql::PreparedStatement& statement = session_.statement(text);
    const Binder binder(statement, parameters);
    return std::make_unique<Rows>(statement.executeQuery());
  }

 private:
  MysqlSession& session_;
};

discovery::MysqlAddress address_of(const MysqlStorageOptions& options) {
  return {.host = options.host,
          .port = options.port,
          .socket = options.socket,
          .user = options.user,
          .password = options.password,
          .database = options.database,
          .tls_ca = options.tls_ca,
          .connect_timeout = options.connect_timeout,
          .query_timeout = options.query_timeout};
}

}  // namespace

boost::system::result<std::unique_ptr<MysqlDatabase>, OpenFailure> MysqlDatabase::open(
    const MysqlStorageOptions& options, SchemaPolicy policy, StorageEvents& events) {
  std::unique_ptr<MysqlDatabase> database(
      new MysqlDatabase(address_of(options), options.retry_interval, events));
  std::string unfit;
  const auto prepare = [&](MysqlSession& session) -> Result<SchemaVersions> {
    Result<SchemaVersions> versions = update_mysql_schema(session, SchemaPolicy::keep);
    if (versions.has_error() && versions.error() == StorageErrc::schema_outdated &&
        policy == SchemaPolicy::migrate) {
      // Large tables, or another node that is at it, may take longer than any other statement.
      discovery::MysqlAddress patient = database->address_;
      patient.query_timeout = migration_timeout;
      MysqlSession migrating(patient);
      versions = update_mysql_schema(migrating, policy);
    }
    if (versions.has_error()) return versions;
    unfit = unfit_mysql_setting(session);
    if (!unfit.empty()) return make_error_code(StorageErrc::schema_unfit);
    return versions;
  };
  const Result<SchemaVersions> versions = database->pool_.use(Repeat::safe, prepare);
  if (versions.has_error()) {
    const std::string detail = unfit.empty() ? database->pool_.state().last_failure : unfit;
    return OpenFailure{versions.error(), detail};
  }
  database->schema_version_ = versions->now;
  if (versions->now > versions->found) events.schema_migrated(versions->found, versions->now);
  return database;
}

Result<void> MysqlDatabase::perform(Unit unit, Repeat repeat, const Errand& errand) {
  const auto work = [&](MysqlSession& session) -> Result<void> {
    Connection connection(session);
    if (unit == Unit::statements) return errand(connection);
    session.execute("START TRANSACTION");
    try {
      const Result<void> done = errand(connection);
      session.execute(done.has_value() ? "COMMIT" : "ROLLBACK");
      return done;
    } catch (const sql::SQLException&) {
      session.roll_back();
      throw;
    }
  };
  return pool_.use(repeat, work);
}

SqlDatabase::Health MysqlDatabase::health() const {
  const MysqlPool::State state = pool_.state();
  return {.available = state.available,
          .connections_busy = state.busy,
          .connections_idle = state.idle,
          .schema_version = schema_version_,
          .last_failure = state.last_failure};
}

}  // namespace server
