#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "server/storage/events.h"
#include "server/storage/sql.h"
#include "server/storage/store_options.h"

struct sqlite3;
struct sqlite3_stmt;

namespace server {

/// One SQLite file, for a node that stands alone. Calls take turns.
class SqliteDatabase final : public SqlDatabase {
 public:
  /// See open_storage(). The file is made if it is not there, readable by its owner only.
  static boost::system::result<std::unique_ptr<SqliteDatabase>, OpenFailure> open(
      const std::string& path, SchemaPolicy policy, StorageEvents& events);
  ~SqliteDatabase() override;

  bool available() const override;
  Health health() const override;
  void close() override;

 private:
  class Query;
  class Connection;
  class Schema;

  SqliteDatabase(std::string path, StorageEvents& events);

  Result<void> perform(Unit unit, Repeat repeat, const Errand& errand) override;
  StorageErrc open_file();
  sqlite3_stmt* prepare(std::string_view statement);
  void execute(const char* text);
  StorageErrc fault(int code);

  const std::string path_;
  StorageEvents& events_;

  mutable std::mutex mutex_;  // All below; held for the whole of a call.
  sqlite3* database_ = nullptr;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;  // By their text.
  bool available_ = true;
  int schema_version_ = 0;
  std::string last_failure_;
};

}  // namespace server
