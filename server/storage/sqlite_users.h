#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "server/storage/events.h"
#include "server/storage/store_options.h"
#include "server/storage/user_database.h"

struct sqlite3;
struct sqlite3_stmt;

namespace server {

/// The accounts in one SQLite file, for a node that stands alone. Calls take turns.
class SqliteUsers final : public UserDatabase {
 public:
  /// See open_store(). The file is made if it is not there, readable by its owner only.
  static boost::system::result<std::unique_ptr<SqliteUsers>, OpenFailure> open(
      const std::string& path, SchemaPolicy policy, StorageEvents& events);
  ~SqliteUsers() override;

  Result<std::optional<Credentials>> find(const std::string& local,
                                          const std::string& domain) override;
  Result<bool> exists(const std::string& local, const std::string& domain) override;
  Result<void> create(const std::string& local, const std::string& domain,
                      const Credentials& credentials) override;
  Result<void> set_credentials(const std::string& local, const std::string& domain,
                               const Credentials& credentials) override;
  Result<void> remove(const std::string& local, const std::string& domain) override;
  Result<std::vector<std::string>> list(const std::string& domain, const std::string& after,
                                        std::size_t limit) override;
  bool available() const override;
  Health health() const override;
  void close() override;

 private:
  class Query;
  class Schema;

  SqliteUsers(std::string path, StorageEvents& events);

  StorageErrc open_file();
  StorageErrc fault(int code);

  const std::string path_;
  StorageEvents& events_;

  mutable std::mutex mutex_;  // All below; held for the whole of a call.
  sqlite3* database_ = nullptr;
  std::map<const char*, sqlite3_stmt*> statements_;  // By their text, which is a literal.
  bool available_ = true;
  int schema_version_ = 0;
  std::string last_failure_;
};

}  // namespace server
