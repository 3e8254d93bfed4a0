#include "server/storage/mysql_schema.h"

#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>

namespace server {
namespace {

// Of this database alone: the names of such locks are the whole server's, and 64 characters long.
constexpr const char* get_lock =
    "SELECT GET_LOCK(CONCAT('meerkat_schema_', MD5(DATABASE())), 60) AS got";
constexpr const char* release_lock =
    "SELECT RELEASE_LOCK(CONCAT('meerkat_schema_', MD5(DATABASE())))";

constexpr int no_such_table = 1146;

class MysqlSchema final : public SchemaTarget {
 public:
  explicit MysqlSchema(MysqlSession& session)
      : statement_(session.connection().createStatement()) {}

  SqlDialect dialect() const override { return SqlDialect::mysql; }

  Result<void> execute(const std::string& text) override {
    try {
      statement_->execute(text);
      return {};
    } catch (const sql::SQLException& error) {
      // The only failure that a caller can make good of; see update_locked().
      if (discovery::mysql_fault(error) != discovery::MysqlFault::duplicate_key) throw;
      return make_error_code(StorageErrc::conflict);
    }
  }

  Result<int> version() override {
    try {
      return number("SELECT COALESCE(MAX(version), 0) FROM schema_version");
    } catch (const sql::SQLException& error) {
      if (error.getErrorCode() != no_such_table) throw;
      return 0;
    }
  }

  Result<void> lock() override {
    if (number(get_lock) != 1) return make_error_code(StorageErrc::unavailable);
    return {};
  }

  Result<void> unlock(bool /*keep*/) override {
    (void)number(release_lock);  // Also the end of the connection gives it back.
    return {};
  }

  int number(const char* query) {
    std::unique_ptr<sql::ResultSet> rows(statement_->executeQuery(query));
    return rows->next() ? rows->getInt(1) : 0;
  }

  std::string text(const char* query) {
    std::unique_ptr<sql::ResultSet> rows(statement_->executeQuery(query));
    return rows->next() ? rows->getString(1).asStdString() : std::string();
  }

 private:
  std::unique_ptr<sql::Statement> statement_;
};

}  // namespace

Result<SchemaVersions> update_mysql_schema(MysqlSession& session, SchemaPolicy policy) {
  MysqlSchema target(session);
  return update_schema(target, policy);
}

std::string unfit_mysql_setting(MysqlSession& session) {
  MysqlSchema target(session);
  // open_mysql() sets the first two; a proxy between may keep its own. hardening Q2, Q4
  const std::string mode = target.text("SELECT @@SESSION.sql_mode");
  if (mode.find("STRICT_TRANS_TABLES") == std::string::npos) {
    return "the session's sql_mode is not strict but '" + mode + "': values could be cut";
  }
  const std::string charset = target.text("SELECT @@SESSION.character_set_connection");
  if (charset != "utf8mb4") {
    return "the connection's character set is '" + charset + "', not utf8mb4";
  }
  // Somebody may have made a table by hand, with names that ignore case. hardening Q3
  const std::string inexact = target.text(
      "SELECT CONCAT(table_name, '.', column_name) FROM information_schema.columns"
      " WHERE table_schema = DATABASE() AND column_name IN ('localpart', 'domainpart')"
      " AND NOT (data_type = 'varbinary' AND character_maximum_length >= 1023)");
  if (!inexact.empty()) return inexact + " is not VARBINARY(1023): accounts could merge";
  return {};
}

}  // namespace server
