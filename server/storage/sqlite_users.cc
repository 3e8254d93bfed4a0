#include "server/storage/sqlite_users.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace server {
namespace {

constexpr int lock_wait_ms = 5'000;  // For another process, such as a backup, to be done.

constexpr const char* find_user =
    "SELECT sha1_salt, sha1_iterations, sha1_stored_key, sha1_server_key,"
    " sha256_salt, sha256_iterations, sha256_stored_key, sha256_server_key"
    " FROM users WHERE localpart = ? AND domainpart = ?";

constexpr const char* count_user =
    "SELECT COUNT(*) FROM users WHERE localpart = ? AND domainpart = ?";

constexpr const char* insert_user =
    "INSERT INTO users (sha1_salt, sha1_iterations, sha1_stored_key, sha1_server_key,"
    " sha256_salt, sha256_iterations, sha256_stored_key, sha256_server_key,"
    " localpart, domainpart, created, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
    " strftime('%Y-%m-%d %H:%M:%f', 'now'), strftime('%Y-%m-%d %H:%M:%f', 'now'))";

constexpr const char* update_user =
    "UPDATE users SET sha1_salt = ?, sha1_iterations = ?, sha1_stored_key = ?,"
    " sha1_server_key = ?, sha256_salt = ?, sha256_iterations = ?, sha256_stored_key = ?,"
    " sha256_server_key = ?, changed = strftime('%Y-%m-%d %H:%M:%f', 'now')"
    " WHERE localpart = ? AND domainpart = ?";

constexpr const char* delete_user = "DELETE FROM users WHERE localpart = ? AND domainpart = ?";

constexpr const char* list_users =
    "SELECT localpart FROM users WHERE domainpart = ? AND localpart > ?"
    " ORDER BY localpart LIMIT ?";

// WAL lets a backup read beside us; FULL makes a commit survive the loss of power.
constexpr const char* settings =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;"
    "PRAGMA encoding = 'UTF-8'";

}  // namespace

// One use of a prepared statement: bind in order, step, read. Reset at its end.
class SqliteUsers::Query {
 public:
  Query(SqliteUsers& users, const char* text) : users_(users) {
    sqlite3_stmt*& statement = users.statements_[text];
    if (statement == nullptr) {
      code_ = sqlite3_prepare_v3(users.database_, text, -1, SQLITE_PREPARE_PERSISTENT, &statement,
                                 nullptr);
    }
    statement_ = statement;
  }

  ~Query() {
    if (statement_ == nullptr) return;
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& text(const std::string& value) {
    if (code_ == SQLITE_OK) {
      code_ = sqlite3_bind_text64(statement_, ++at_, value.data(), value.size(), SQLITE_TRANSIENT,
                                  SQLITE_UTF8);
    }
    return *this;
  }

  Query& bytes(std::string_view value) {
    if (code_ == SQLITE_OK) {
      code_ = sqlite3_bind_blob64(statement_, ++at_, value.data(), value.size(), SQLITE_TRANSIENT);
    }
    return *this;
  }

  Query& count(std::int64_t value) {
    if (code_ == SQLITE_OK) code_ = sqlite3_bind_int64(statement_, ++at_, value);
    return *this;
  }

  Query& keys(const xmpp::ScramKeys& keys) {
    return bytes(keys.salt)
        .count(keys.iterations)
        .bytes(keys.stored_key.reveal())
        .bytes(keys.server_key.reveal());
  }

  // Whether there is a row to read now.
  bool next() {
    if (code_ == SQLITE_OK || code_ == SQLITE_ROW) code_ = sqlite3_step(statement_);
    return code_ == SQLITE_ROW;
  }

  [[nodiscard]] bool failed() const {
    return code_ != SQLITE_OK && code_ != SQLITE_ROW && code_ != SQLITE_DONE;
  }

  // Remembers what happened for health(), and names it for the caller.
  boost::system::error_code error() { return make_error_code(users_.fault(code_)); }

  [[nodiscard]] std::string string_at(int column) const {
    const void* bytes = sqlite3_column_blob(statement_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return size == 0 ? std::string() : std::string(static_cast<const char*>(bytes), size);
  }

  [[nodiscard]] std::int64_t count_at(int column) const {
    return sqlite3_column_int64(statement_, column);
  }

  [[nodiscard]] std::optional<xmpp::ScramKeys> keys_at(int column, xmpp::ScramHash hash) const {
    return stored_keys(hash, string_at(column), static_cast<std::uint32_t>(count_at(column + 1)),
                       string_at(column + 2), string_at(column + 3));
  }

  // For a statement without rows: how many it changed.
  Result<int> run() {
    while (next()) continue;
    if (failed()) return error();
    users_.available_ = true;
    return sqlite3_changes(users_.database_);
  }

 private:
  SqliteUsers& users_;
  sqlite3_stmt* statement_ = nullptr;
  int at_ = 0;
  int code_ = SQLITE_OK;
};

class SqliteUsers::Schema final : public SchemaTarget {
 public:
  explicit Schema(SqliteUsers& users) : users_(users) {}

  SqlDialect dialect() const override { return SqlDialect::sqlite; }

  Result<void> execute(const std::string& statement) override {
    const int code = sqlite3_exec(users_.database_, statement.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) {
      return make_error_code(users_.fault(sqlite3_extended_errcode(users_.database_)));
    }
    return {};
  }

  Result<int> version() override {
    Query table(users_, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'schema_version'");
    const bool is_there = table.next() && table.count_at(0) > 0;
    if (table.failed()) return table.error();
    if (!is_there) return 0;
    Query query(users_, "SELECT COALESCE(MAX(version), 0) FROM schema_version");
    const int version = query.next() ? static_cast<int>(query.count_at(0)) : 0;
    if (query.failed()) return query.error();
    return version;
  }

  // A transaction that writes from the start: all steps or none.
  Result<void> lock() override { return execute("BEGIN IMMEDIATE"); }

  Result<void> unlock(bool keep) override { return execute(keep ? "COMMIT" : "ROLLBACK"); }

 private:
  SqliteUsers& users_;
};

SqliteUsers::SqliteUsers(std::string path, StorageEvents& events)
    : path_(std::move(path)), events_(events) {}

SqliteUsers::~SqliteUsers() { close(); }

void SqliteUsers::close() {
  const std::lock_guard lock(mutex_);
  for (auto& [text, statement] : statements_) sqlite3_finalize(statement);
  statements_.clear();
  sqlite3_close(std::exchange(database_, nullptr));
}

StorageErrc SqliteUsers::fault(int code) {
  const char* text = database_ != nullptr ? sqlite3_errmsg(database_) : sqlite3_errstr(code);
  switch (code) {
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_UNIQUE:
      return StorageErrc::conflict;
    default:
      break;
  }
  last_failure_ = path_ + ": " + text;
  switch (code & 0xff) {  // The primary code; the rest tells more of it.
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
      available_ = false;
      events_.database_error(make_error_code(StorageErrc::unavailable), last_failure_);
      return StorageErrc::unavailable;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      events_.database_error(make_error_code(StorageErrc::access_denied), last_failure_);
      return StorageErrc::access_denied;
    default:
      events_.database_error(make_error_code(StorageErrc::broken), last_failure_);
      return StorageErrc::broken;
  }
}

StorageErrc SqliteUsers::open_file() {
  // SQLite makes files by the process's mask; its journals take over the mode of the file.
  const int file = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) {
    const int error = errno;
    last_failure_ = path_ + ": " + std::generic_category().message(error);
    return error == EACCES || error == EROFS ? StorageErrc::access_denied
                                             : StorageErrc::unavailable;
  }
  ::close(file);

  // A path, never a URI: what it holds is taken as it stands.
  int code = sqlite3_open_v2(path_.c_str(), &database_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             nullptr);
  if (code == SQLITE_OK) {
    sqlite3_extended_result_codes(database_, 1);
    sqlite3_busy_timeout(database_, lock_wait_ms);
    sqlite3_db_config(database_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    code = sqlite3_exec(database_, settings, nullptr, nullptr, nullptr);
  }
  return code == SQLITE_OK ? StorageErrc{} : fault(code);
}

boost::system::result<std::unique_ptr<SqliteUsers>, OpenFailure> SqliteUsers::open(
    const std::string& path, SchemaPolicy policy, StorageEvents& events) {
  std::unique_ptr<SqliteUsers> users(new SqliteUsers(path, events));
  const StorageErrc opened = users->open_file();
  if (opened != StorageErrc{}) return OpenFailure{make_error_code(opened), users->last_failure_};
  Schema schema(*users);
  const Result<SchemaVersions> versions = update_schema(schema, policy);
  if (versions.has_error()) return OpenFailure{versions.error(), users->last_failure_};
  users->schema_version_ = versions->now;
  if (versions->now > versions->found) events.schema_migrated(versions->found, versions->now);
  return users;
}

Result<std::optional<Credentials>> SqliteUsers::find(const std::string& local,
                                                     const std::string& domain) {
  const std::lock_guard lock(mutex_);
  Query query(*this, find_user);
  const bool found = query.text(local).text(domain).next();
  if (query.failed()) return query.error();
  available_ = true;
  if (!found) return std::optional<Credentials>();
  auto sha1 = query.keys_at(0, xmpp::ScramHash::sha1);
  auto sha256 = query.keys_at(4, xmpp::ScramHash::sha256);
  if (!sha1 || !sha256) return make_error_code(StorageErrc::broken);
  return std::optional(Credentials{.sha1 = std::move(*sha1), .sha256 = std::move(*sha256)});
}

Result<bool> SqliteUsers::exists(const std::string& local, const std::string& domain) {
  const std::lock_guard lock(mutex_);
  Query query(*this, count_user);
  const bool found = query.text(local).text(domain).next() && query.count_at(0) > 0;
  if (query.failed()) return failure<Result<bool>>(query.error());
  available_ = true;
  return found;
}

Result<void> SqliteUsers::create(const std::string& local, const std::string& domain,
                                 const Credentials& credentials) {
  const std::lock_guard lock(mutex_);
  Query query(*this, insert_user);
  query.keys(credentials.sha1).keys(credentials.sha256).text(local).text(domain);
  const Result<int> changed = query.run();
  if (changed.has_error()) return changed.error();
  return {};
}

Result<void> SqliteUsers::set_credentials(const std::string& local, const std::string& domain,
                                          const Credentials& credentials) {
  const std::lock_guard lock(mutex_);
  Query query(*this, update_user);
  query.keys(credentials.sha1).keys(credentials.sha256).text(local).text(domain);
  const Result<int> changed = query.run();
  if (changed.has_error()) return changed.error();
  if (*changed == 0) return make_error_code(StorageErrc::no_such_user);
  return {};
}

Result<void> SqliteUsers::remove(const std::string& local, const std::string& domain) {
  const std::lock_guard lock(mutex_);
  Query query(*this, delete_user);
  query.text(local).text(domain);
  const Result<int> changed = query.run();
  if (changed.has_error()) return changed.error();
  if (*changed == 0) return make_error_code(StorageErrc::no_such_user);
  return {};
}

Result<std::vector<std::string>> SqliteUsers::list(const std::string& domain,
                                                   const std::string& after, std::size_t limit) {
  const std::lock_guard lock(mutex_);
  Query query(*this, list_users);
  query.text(domain).text(after).count(static_cast<std::int64_t>(limit));
  std::vector<std::string> locals;
  while (query.next()) locals.push_back(query.string_at(0));
  if (query.failed()) return query.error();
  available_ = true;
  return locals;
}

// Says what the last call met. Each call tries anew, so nothing need watch for the end of a
// failure, and UserStore's failing at once while the database is away is not for this one.
bool SqliteUsers::available() const { return true; }

UserDatabase::Health SqliteUsers::health() const {
  const std::lock_guard lock(mutex_);
  return {.available = available_,
          .connections_busy = 0,
          .connections_idle = database_ != nullptr ? 1U : 0U,
          .schema_version = schema_version_,
          .last_failure = last_failure_};
}

}  // namespace server
