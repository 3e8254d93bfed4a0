#pragma once

#include <memory>

#include "server/storage/events.h"
#include "server/storage/mysql_pool.h"
#include "server/storage/sql.h"
#include "server/storage/store_options.h"

namespace server {

/// MySQL 8 or MariaDB 10.11 (tested on the latter), shared by the nodes.
class MysqlDatabase final : public SqlDatabase {
 public:
  /// See open_storage().
  static boost::system::result<std::unique_ptr<MysqlDatabase>, OpenFailure> open(
      const MysqlStorageOptions& options, SchemaPolicy policy, StorageEvents& events);

  bool available() const override { return pool_.available(); }
  Health health() const override;
  void close() override { pool_.close(); }

 private:
  MysqlDatabase(discovery::MysqlAddress address, std::chrono::milliseconds retry_interval,
                StorageEvents& events)
      : address_(address), pool_(std::move(address), retry_interval, events) {}

  Result<void> perform(Unit unit, Repeat repeat, const Errand& errand) override;

  const discovery::MysqlAddress address_;
  MysqlPool pool_;
  int schema_version_ = 0;
};

}  // namespace server
