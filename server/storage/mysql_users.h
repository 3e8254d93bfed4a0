#pragma once

#include <memory>

#include "server/storage/events.h"
#include "server/storage/mysql_pool.h"
#include "server/storage/store_options.h"
#include "server/storage/user_database.h"

namespace server {

/// The accounts in MySQL 8 or MariaDB 10.11 (tested on the latter). Each call is one statement,
/// which is atomic.
class MysqlUsers final : public UserDatabase {
 public:
  /// See open_store().
  static boost::system::result<std::unique_ptr<MysqlUsers>, OpenFailure> open(
      const MysqlStorageOptions& options, SchemaPolicy policy, StorageEvents& events);

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
  bool available() const override { return pool_.available(); }
  Health health() const override;
  void close() override { pool_.close(); }

 private:
  MysqlUsers(discovery::MysqlAddress address, std::chrono::milliseconds retry_interval,
             StorageEvents& events)
      : address_(address), pool_(std::move(address), retry_interval, events) {}

  const discovery::MysqlAddress address_;
  MysqlPool pool_;
  int schema_version_ = 0;
};

}  // namespace server
