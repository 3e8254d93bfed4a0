#include "server/storage/sqlite_database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace server {
namespace {

constexpr int lock_wait_ms = 5'000;  // For another process, such as a backup, to be done.

// WAL lets a backup read beside us; FULL makes a commit survive the loss of power.
constexpr const char* settings =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;"
    "PRAGMA encoding = 'UTF-8'";

// What a call to SQLite failed with; never leaves this file.
struct Failure {
  int code;
};

void check(int code) {
  if (code != SQLITE_OK) throw Failure{code};
}

}  // namespace

// One use of a prepared statement: bound, stepped, read; reset at its end.
class SqliteDatabase::Query final : public SqlRows {
 public:
  Query(sqlite3_stmt* statement, SqlParameters parameters) : statement_(statement) {
    for (const SqlParameter& parameter : parameters) {
      ++at_;
      check(std::visit([this](const auto& value) { return bind(value); }, parameter));
    }
  }

  ~Query() override {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  bool next() override {
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) throw Failure{code};
    return code == SQLITE_ROW;
  }

  std::string text(int column) const override {
    const void* bytes = sqlite3_column_blob(statement_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return size == 0 ? std::string() : std::string(static_cast<const char*>(bytes), size);
  }

  std::uint64_t number(int column) const override {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column));
  }

 private:
  int bind(std::uint64_t value) {
    return sqlite3_bind_int64(statement_, at_, static_cast<sqlite3_int64>(value));
  }
  // No bytes are none, but no pointer is NULL.
  static const char* data_of(std::string_view value) { return value.empty() ? "" : value.data(); }
  int bind(std::string_view value) {
    return sqlite3_bind_text64(statement_, at_, data_of(value), value.size(), SQLITE_TRANSIENT,
                               SQLITE_UTF8);
  }
  int bind(SqlBytes bytes) {
    return sqlite3_bind_blob64(statement_, at_, data_of(bytes.value), bytes.value.size(),
                               SQLITE_TRANSIENT);
  }

  sqlite3_stmt* const statement_;
  int at_ = 0;
};

class SqliteDatabase::Connection final : public SqlConnection {
 public:
  explicit Connection(SqliteDatabase& database) : database_(database) {}

  using SqlConnection::change, SqlConnection::query;

  std::uint64_t change(std::string_view statement, SqlParameters parameters) override {
    Query query(database_.prepare(statement), parameters);
    while (query.next()) continue;
    return static_cast<std::uint64_t>(sqlite3_changes64(database_.database_));
  }

  std::unique_ptr<SqlRows> query(std::string_view statement, SqlParameters parameters) override {
    return std::make_unique<Query>(database_.prepare(statement), parameters);
  }

 private:
  SqliteDatabase& database_;
};

class SqliteDatabase::Schema final : public SchemaTarget {
 public:
  explicit Schema(SqliteDatabase& database) : database_(database) {}

  SqlDialect dialect() const override { return SqlDialect::sqlite; }

  Result<void> execute(const std::string& statement) override {
    try {
      database_.execute(statement.c_str());
      return {};
    } catch (const Failure& failure) {
      return make_error_code(database_.fault(failure.code));
    }
  }

  Result<int> version() override {
    try {
      Connection connection(database_);
      const auto table =
          connection.query("SELECT COUNT(*) FROM sqlite_master WHERE name = 'schema_version'", {});
      if (!table->next() || table->number(0) == 0) return 0;
      const auto found =
          connection.query("SELECT COALESCE(MAX(version), 0) FROM schema_version", {});
      return found->next() ? static_cast<int>(found->number(0)) : 0;
    } catch (const Failure& failure) {
      return make_error_code(database_.fault(failure.code));
    }
  }

  // A transaction that writes from the start: all steps or none.
  Result<void> lock() override { return execute("BEGIN IMMEDIATE"); }

  Result<void> unlock(bool keep) override { return execute(keep ? "COMMIT" : "ROLLBACK"); }

 private:
  SqliteDatabase& database_;
};

SqliteDatabase::SqliteDatabase(std::string path, StorageEvents& events)
    : path_(std::move(path)), events_(events) {}

SqliteDatabase::~SqliteDatabase() { close(); }

void SqliteDatabase::close() {
  const std::lock_guard lock(mutex_);
  for (auto& [text, statement] : statements_) sqlite3_finalize(statement);
  statements_.clear();
  sqlite3_close(std::exchange(database_, nullptr));
}

StorageErrc SqliteDatabase::fault(int code) {
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

StorageErrc SqliteDatabase::open_file() {
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

boost::system::result<std::unique_ptr<SqliteDatabase>, OpenFailure> SqliteDatabase::open(
    const std::string& path, SchemaPolicy policy, StorageEvents& events) {
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(path, events));
  const StorageErrc opened = database->open_file();
  if (opened != StorageErrc{}) return OpenFailure{make_error_code(opened), database->last_failure_};
  Schema schema(*database);
  const Result<SchemaVersions> versions = update_schema(schema, policy);
  if (versions.has_error()) return OpenFailure{versions.error(), database->last_failure_};
  database->schema_version_ = versions->now;
  if (versions->now > versions->found) events.schema_migrated(versions->found, versions->now);
  return database;
}

sqlite3_stmt* SqliteDatabase::prepare(std::string_view statement) {
  const auto known = statements_.find(statement);
  if (known != statements_.end()) return known->second;
  const std::string text = in_dialect(statement, SqlDialect::sqlite);
  sqlite3_stmt* prepared = nullptr;
  check(sqlite3_prepare_v3(database_, text.data(), static_cast<int>(text.size()),
                           SQLITE_PREPARE_PERSISTENT, &prepared, nullptr));
  statements_.emplace(statement, prepared);
  return prepared;
}

void SqliteDatabase::execute(const char* text) {
  if (sqlite3_exec(database_, text, nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw Failure{sqlite3_extended_errcode(database_)};
  }
}

// A call that failed has done nothing, so there is nothing to repeat: no connection can be lost.
Result<void> SqliteDatabase::perform(Unit unit, Repeat /*repeat*/, const Errand& errand) {
  const std::lock_guard lock(mutex_);
  try {
    Connection connection(*this);
    if (unit == Unit::transaction) execute("BEGIN IMMEDIATE");
    const Result<void> done = errand(connection);
    if (unit == Unit::transaction) execute(done.has_value() ? "COMMIT" : "ROLLBACK");
    available_ = true;
    return done;
  } catch (const Failure& failure) {
    const StorageErrc error = fault(failure.code);
    if (sqlite3_get_autocommit(database_) == 0) {
      sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
    }
    return make_error_code(error);
  }
}

// Says what the last call met. Each call tries anew, so nothing need watch for the end of a
// failure, and Storage's failing at once while the database is away is not for this one.
bool SqliteDatabase::available() const { return true; }

SqlDatabase::Health SqliteDatabase::health() const {
  const std::lock_guard lock(mutex_);
  return {.available = available_,
          .connections_busy = 0,
          .connections_idle = database_ != nullptr ? 1U : 0U,
          .schema_version = schema_version_,
          .last_failure = last_failure_};
}

}  // namespace server
