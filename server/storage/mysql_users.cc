#include "server/storage/mysql_users.h"

#include <cppconn/prepared_statement.h>
#include <cppconn/resultset.h>

#include <deque>
#include <sstream>

#include "server/storage/mysql_pool_use.h"
#include "server/storage/mysql_schema.h"

namespace server {
namespace {

constexpr const char* find_user =
    "SELECT sha1_salt, sha1_iterations, sha1_stored_key, sha1_server_key,"
    " sha256_salt, sha256_iterations, sha256_stored_key, sha256_server_key"
    " FROM users WHERE localpart = ? AND domainpart = ?";

constexpr const char* count_user =
    "SELECT COUNT(*) FROM users WHERE localpart = ? AND domainpart = ?";

constexpr const char* insert_user =
    "INSERT INTO users (sha1_salt, sha1_iterations, sha1_stored_key, sha1_server_key,"
    " sha256_salt, sha256_iterations, sha256_stored_key, sha256_server_key,"
    " localpart, domainpart, created, changed)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))";

constexpr const char* update_user =
    "UPDATE users SET sha1_salt = ?, sha1_iterations = ?, sha1_stored_key = ?,"
    " sha1_server_key = ?, sha256_salt = ?, sha256_iterations = ?, sha256_stored_key = ?,"
    " sha256_server_key = ?, changed = UTC_TIMESTAMP(6)"
    " WHERE localpart = ? AND domainpart = ?";

constexpr const char* delete_user = "DELETE FROM users WHERE localpart = ? AND domainpart = ?";

constexpr const char* list_users =
    "SELECT localpart FROM users WHERE domainpart = ? AND localpart > ?"
    " ORDER BY localpart LIMIT ?";

constexpr auto migration_timeout = std::chrono::minutes(10);

// Binds the values of one statement in their order. Bytes go as BLOB, so that no server checks or
// converts them as text. Lives until the statement is executed: that reads them from here.
class Binder {
 public:
  explicit Binder(sql::PreparedStatement& statement) : statement_(statement) {}

  Binder& text(const std::string& value) {
    statement_.setString(++at_, value);
    return *this;
  }

  Binder& count(std::uint32_t value) {
    statement_.setUInt(++at_, value);
    return *this;
  }

  Binder& bytes(std::string_view value) {
    blobs_.emplace_back(std::string(value));
    statement_.setBlob(++at_, &blobs_.back());
    return *this;
  }

  Binder& keys(const xmpp::ScramKeys& keys) {
    return bytes(keys.salt)
        .count(keys.iterations)
        .bytes(keys.stored_key.reveal())
        .bytes(keys.server_key.reveal());
  }

 private:
  sql::PreparedStatement& statement_;
  unsigned at_ = 0;
  std::deque<std::istringstream> blobs_;
};

std::optional<xmpp::ScramKeys> keys_at(const sql::ResultSet& row, unsigned column,
                                       xmpp::ScramHash hash) {
  return stored_keys(hash, row.getString(column), row.getUInt(column + 1),
                     row.getString(column + 2), row.getString(column + 3));
}

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

boost::system::result<std::unique_ptr<MysqlUsers>, OpenFailure> MysqlUsers::open(
    const MysqlStorageOptions& options, SchemaPolicy policy, StorageEvents& events) {
  std::unique_ptr<MysqlUsers> users(
      new MysqlUsers(address_of(options), options.retry_interval, events));
  std::string unfit;
  const auto prepare = [&](MysqlSession& session) -> Result<SchemaVersions> {
    Result<SchemaVersions> versions = update_mysql_schema(session, SchemaPolicy::keep);
    if (versions.has_error() && versions.error() == StorageErrc::schema_outdated &&
        policy == SchemaPolicy::migrate) {
      // Large tables, or another node that is at it, may take longer than any other statement.
      discovery::MysqlAddress patient = users->address_;
      patient.query_timeout = migration_timeout;
      MysqlSession migrating(patient);
      versions = update_mysql_schema(migrating, policy);
    }
    if (versions.has_error()) return versions;
    unfit = unfit_mysql_setting(session);
    if (!unfit.empty()) return make_error_code(StorageErrc::schema_unfit);
    return versions;
  };
  const Result<SchemaVersions> versions = users->pool_.use(Repeat::safe, prepare);
  if (versions.has_error()) {
    const std::string detail = unfit.empty() ? users->pool_.state().last_failure : unfit;
    return OpenFailure{versions.error(), detail};
  }
  users->schema_version_ = versions->now;
  if (versions->now > versions->found) events.schema_migrated(versions->found, versions->now);
  return users;
}

Result<std::optional<Credentials>> MysqlUsers::find(const std::string& local,
                                                    const std::string& domain) {
  const auto work = [&](MysqlSession& session) -> Result<std::optional<Credentials>> {
    sql::PreparedStatement& statement = session.statement(find_user);
    Binder(statement).text(local).text(domain);
    std::unique_ptr<sql::ResultSet> rows(statement.executeQuery());
    if (!rows->next()) return std::optional<Credentials>();
    auto sha1 = keys_at(*rows, 1, xmpp::ScramHash::sha1);
    auto sha256 = keys_at(*rows, 5, xmpp::ScramHash::sha256);
    if (!sha1 || !sha256) return make_error_code(StorageErrc::broken);
    return std::optional(Credentials{.sha1 = std::move(*sha1), .sha256 = std::move(*sha256)});
  };
  return pool_.use(Repeat::safe, work);
}

Result<bool> MysqlUsers::exists(const std::string& local, const std::string& domain) {
  const auto work = [&](MysqlSession& session) -> Result<bool> {
    sql::PreparedStatement& statement = session.statement(count_user);
    Binder(statement).text(local).text(domain);
    std::unique_ptr<sql::ResultSet> rows(statement.executeQuery());
    return rows->next() && rows->getInt(1) > 0;
  };
  return pool_.use(Repeat::safe, work);
}

Result<void> MysqlUsers::create(const std::string& local, const std::string& domain,
                                const Credentials& credentials) {
  const auto work = [&](MysqlSession& session) -> Result<void> {
    sql::PreparedStatement& statement = session.statement(insert_user);
    Binder binder(statement);
    binder.keys(credentials.sha1).keys(credentials.sha256).text(local).text(domain);
    statement.executeUpdate();
    return {};
  };
  // Made twice, the second would find the account of the first and call it somebody else's.
  return pool_.use(Repeat::unsafe, work);
}

Result<void> MysqlUsers::set_credentials(const std::string& local, const std::string& domain,
                                         const Credentials& credentials) {
  const auto work = [&](MysqlSession& session) -> Result<void> {
    sql::PreparedStatement& statement = session.statement(update_user);
    Binder binder(statement);
    binder.keys(credentials.sha1).keys(credentials.sha256).text(local).text(domain);
    if (statement.executeUpdate() == 0) return make_error_code(StorageErrc::no_such_user);
    return {};
  };
  return pool_.use(Repeat::safe, work);
}

Result<void> MysqlUsers::remove(const std::string& local, const std::string& domain) {
  const auto work = [&](MysqlSession& session) -> Result<void> {
    sql::PreparedStatement& statement = session.statement(delete_user);
    Binder(statement).text(local).text(domain);
    if (statement.executeUpdate() == 0) return make_error_code(StorageErrc::no_such_user);
    return {};
  };
  return pool_.use(Repeat::unsafe, work);
}

Result<std::vector<std::string>> MysqlUsers::list(const std::string& domain,
                                                  const std::string& after, std::size_t limit) {
  const auto work = [&](MysqlSession& session) -> Result<std::vector<std::string>> {
    sql::PreparedStatement& statement = session.statement(list_users);
    Binder(statement).text(domain).text(after).count(static_cast<std::uint32_t>(limit));
    std::unique_ptr<sql::ResultSet> rows(statement.executeQuery());
    std::vector<std::string> locals;
    while (rows->next()) locals.push_back(rows->getString(1));
    return locals;
  };
  return pool_.use(Repeat::safe, work);
}

UserDatabase::Health MysqlUsers::health() const {
  const MysqlPool::State state = pool_.state();
  return {.available = state.available,
          .connections_busy = state.busy,
          .connections_idle = state.idle,
          .schema_version = schema_version_,
          .last_failure = state.last_failure};
}

}  // namespace server
