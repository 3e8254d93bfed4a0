#include "server/storage/open_storage.h"

#include <utility>

#include "server/storage/open_database.h"

namespace server {
namespace {

// One writes at a time; a second thread lets a call that only waits for the file not hold up the
// refusal of those that waited too long.
constexpr std::size_t sqlite_threads = 2;

}  // namespace

boost::system::result<std::unique_ptr<Storage>, OpenFailure> open_storage(StorageOptions options,
                                                                          StorageEvents& events) {
  auto database = open_database(options, events);
  if (database.has_error()) return database.error();
  BlockingPoolOptions pool{.threads = options.mysql ? options.mysql->connections : sqlite_threads,
                           .queue_max = options.queue_max,
                           .wait_max = options.wait_max,
                           .on_waited = {}};
  return std::make_unique<Storage>(options.mysql ? "mysql" : "sqlite", *std::move(database),
                                   std::move(pool), events);
}

}  // namespace server
