#include "discovery/mysql_connection.h"

#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <cppconn/statement.h>
#include <mysql_driver.h>

#include <algorithm>

namespace discovery {
namespace {

// Never null, made once, and safe to use from several threads once made.
sql::mysql::MySQL_Driver& driver() {
  static sql::mysql::MySQL_Driver* const instance = sql::mysql::get_mysql_driver_instance();
  return *instance;
}

// Whether nobody can stand between us and the server, or pretend to be it.
bool is_trusted_path(const MysqlAddress& address) {
  return !address.tls_ca.empty() || !address.socket.empty() || address.host == "localhost" ||
         address.host == "::1" || address.host.starts_with("127.");
}

int whole_seconds(std::chrono::milliseconds limit) {
  return static_cast<int>(std::max<std::int64_t>(1, (limit.count() + 999) / 1'000));
}

}  // namespace

std::string describe(const MysqlAddress& address) {
  const std::string place =
      address.socket.empty() ? address.host + ":" + std::to_string(address.port) : address.socket;
  return address.user + "@" + place + "/" + address.database;
}

MysqlFault mysql_fault(const sql::SQLException& error) {
  switch (error.getErrorCode()) {
    case 1040:  // ER_CON_COUNT_ERROR: too many connections
    case 1047:  // Galera: WSREP has not yet prepared this node
    case 1053:  // ER_SERVER_SHUTDOWN
    case 1129:  // ER_HOST_IS_BLOCKED
    case 1203:  // ER_TOO_MANY_USER_CONNECTIONS
    case 1290:  // ER_OPTION_PREVENTS_STATEMENT: --read-only
    case 1317:  // ER_QUERY_INTERRUPTED
    case 1836:  // ER_READ_ONLY_MODE
    case 1927:  // MariaDB: connection was killed
    case 1969:  // MariaDB: max_statement_time
    case 2002:  // CR_CONNECTION_ERROR, by socket
    case 2003:  // CR_CONN_HOST_ERROR
    case 2005:  // CR_UNKNOWN_HOST
    case 2006:  // CR_SERVER_GONE_ERROR
    case 2012:  // CR_SERVER_HANDSHAKE_ERR
    case 2013:  // CR_SERVER_LOST, also by our time limit
    case 2026:  // CR_SSL_CONNECTION_ERROR
    case 2027:  // CR_MALFORMED_PACKET
    case 2055:  // CR_SERVER_LOST_EXTENDED
    case 3024:  // MySQL: max_execution_time
    case 4031:  // MySQL: disconnected for inactivity
      return MysqlFault::unavailable;
    case 1044:  // ER_DBACCESS_DENIED_ERROR
    case 1045:  // ER_ACCESS_DENIED_ERROR
    case 1130:  // ER_HOST_NOT_PRIVILEGED
    case 1142:  // ER_TABLEACCESS_DENIED_ERROR
    case 1143:  // ER_COLUMNACCESS_DENIED_ERROR
    case 1227:  // ER_SPECIFIC_ACCESS_DENIED_ERROR
    case 1698:  // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
    case 2059:  // CR_AUTH_PLUGIN_CANNOT_LOAD
      return MysqlFault::access_denied;
    case 1062:  // ER_DUP_ENTRY
      return MysqlFault::duplicate_key;
    case 1205:  // ER_LOCK_WAIT_TIMEOUT
    case 1213:  // ER_LOCK_DEADLOCK
    case 1020:  // MariaDB: record has changed since last read
      return MysqlFault::contention;
    case 1406:  // ER_DATA_TOO_LONG
      return MysqlFault::too_long;
    default:
      return MysqlFault::broken;
  }
}

std::unique_ptr<sql::Connection> open_mysql(const MysqlAddress& address) {
  const std::string place = address.socket.empty()
                                ? "tcp://" + address.host + ":" + std::to_string(address.port)
                                : "unix://" + address.socket;
  sql::ConnectOptionsMap options;
  options["hostName"] = sql::SQLString(place);
  options["userName"] = sql::SQLString(address.user);
  options["password"] = sql::SQLString(address.password);
  options["schema"] = sql::SQLString(address.database);
  options["OPT_CONNECT_TIMEOUT"] = whole_seconds(address.connect_timeout);
  options["OPT_READ_TIMEOUT"] = whole_seconds(address.query_timeout);
  options["OPT_WRITE_TIMEOUT"] = whole_seconds(address.query_timeout);
  options["OPT_CHARSET_NAME"] = sql::SQLString("utf8mb4");
  options["OPT_RECONNECT"] = false;
  options["OPT_LOCAL_INFILE"] = 0;
  options["CLIENT_MULTI_STATEMENTS"] = false;
  // A matched row counts as updated even when its values were those already.
  options["CLIENT_FOUND_ROWS"] = true;
  // Plugins that the client library loads from files give the password away: in clear text, or
  // encrypted with a key that the server sends. What is built in (mysql_native_password) answers a
  // challenge.
  if (!is_trusted_path(address)) options["pluginDir"] = sql::SQLString("/nonexistent");
  if (!address.tls_ca.empty()) {
    options["sslCA"] = sql::SQLString(address.tls_ca);
    options["sslVerify"] = true;
    options["sslEnforce"] = true;
  }

  std::unique_ptr<sql::Connection> connection(driver().connect(options));
  std::unique_ptr<sql::Statement> statement(connection->createStatement());
  // The server's own defaults may be anything: what our statements rely on is said here. Every
  // read sees what is committed, not a snapshot of the connection's first.
  statement->execute("SET NAMES utf8mb4 COLLATE utf8mb4_bin");
  statement->execute(
      "SET SESSION sql_mode='STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,"
      "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', time_zone='+00:00', autocommit=1");
  connection->setTransactionIsolation(sql::TRANSACTION_READ_COMMITTED);
  return connection;
}

MysqlThread::MysqlThread() { driver().threadInit(); }

MysqlThread::~MysqlThread() { driver().threadEnd(); }

}  // namespace discovery
