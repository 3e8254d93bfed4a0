#include "server/node/storage_options.h"

namespace server {

StorageOptions storage_options(const LoadedConfig& loaded, const Secret& password) {
  StorageOptions options;
  options.sqlite_path = loaded.config.storage.sqlite;
  if (loaded.migrate == Migrate::never) options.schema = SchemaPolicy::keep;
  if (const auto& mysql = loaded.config.mysql) {
    MysqlStorageOptions database;
    database.host = mysql->host;
    database.port = mysql->port;
    database.socket = mysql->socket;
    database.user = mysql->user;
    database.password = password.reveal();
    database.database = mysql->database;
    if (mysql->tls) database.tls_ca = mysql->tls_ca;
    database.connections = mysql->connections;
    database.connect_timeout = database.query_timeout = mysql->timeout;
    options.mysql = database;
  }
  return options;
}

}  // namespace server
