#include "server/storage/open_database.h"

#include <utility>

#include "server/storage/mysql_database.h"
#include "server/storage/sqlite_database.h"

namespace server {

boost::system::result<std::unique_ptr<SqlDatabase>, OpenFailure> open_database(
    const StorageOptions& options, StorageEvents& events) {
  const auto as_any =
      [](auto opened) -> boost::system::result<std::unique_ptr<SqlDatabase>, OpenFailure> {
    if (opened.has_error()) return opened.error();
    return std::unique_ptr<SqlDatabase>(*std::move(opened));
  };
  if (options.mysql) return as_any(MysqlDatabase::open(*options.mysql, options.schema, events));
  return as_any(SqliteDatabase::open(options.sqlite_path, options.schema, events));
}

}  // namespace server
