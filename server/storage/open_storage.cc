#include "server/storage/open_storage.h"

#include <utility>

#include "server/storage/mysql_database.h"
#include "server/storage/sqlite_database.h"

namespace server {
namespace {

// One writes at a time; a second thread lets a call that only waits for the file not hold up the
// refusal of those that waited too long.
constexpr std::size_t sqlite_threads = 2;

}  // namespace

boost::system::result<std::unique_ptr<Storage>, OpenFailure> open_storage(StorageOptions options,
                                                                          StorageEvents& events) {
  BlockingPoolOptions pool{.threads = sqlite_threads,
                           .queue_max = options.queue_max,
                           .wait_max = options.wait_max,
                           .on_waited = {}};
  if (options.mysql) {
    auto database = MysqlDatabase::open(*options.mysql, options.schema, events);
    if (database.has_error()) return database.error();
    pool.threads = options.mysql->connections;
    return std::make_unique<Storage>("mysql", std::move(*database), std::move(pool), events);
  }
  auto database = SqliteDatabase::open(options.sqlite_path, options.schema, events);
  if (database.has_error()) return database.error();
  return std::make_unique<Storage>("sqlite", std::move(*database), std::move(pool), events);
}

}  // namespace server
