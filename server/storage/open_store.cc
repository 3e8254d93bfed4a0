#include "server/storage/open_store.h"

#include <utility>

#include "server/storage/mysql_users.h"
#include "server/storage/pooled_user_store.h"
#include "server/storage/sqlite_users.h"

namespace server {
namespace {

// One writes at a time; a second thread lets a call that only waits for the file not hold up the
// refusal of those that waited too long.
constexpr std::size_t sqlite_threads = 2;

}  // namespace

boost::system::result<std::unique_ptr<UserStore>, OpenFailure> open_store(StorageOptions options,
                                                                          StorageEvents& events) {
  BlockingPoolOptions pool{.threads = sqlite_threads,
                           .queue_max = options.queue_max,
                           .wait_max = options.wait_max,
                           .on_waited = {}};
  if (options.mysql) {
    auto users = MysqlUsers::open(*options.mysql, options.schema, events);
    if (users.has_error()) return users.error();
    pool.threads = options.mysql->connections;
    return std::make_unique<PooledUserStore>("mysql", std::move(*users), std::move(pool), events);
  }
  auto users = SqliteUsers::open(options.sqlite_path, options.schema, events);
  if (users.has_error()) return users.error();
  return std::make_unique<PooledUserStore>("sqlite", std::move(*users), std::move(pool), events);
}

}  // namespace server
