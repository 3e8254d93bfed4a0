#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace sql {
class Connection;
class SQLException;
}  // namespace sql

namespace discovery {

/// Where a MySQL or MariaDB server is and who asks.
struct MysqlAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = 3306;
  std::string socket{};  ///< A Unix socket's path; then host and port are unused.
  std::string user{};
  std::string password{};
  std::string database{};  ///< Must exist.

  /// PEM file of the authorities that may vouch for the server. Then TLS is required and the
  /// server's name checked; empty: no TLS. There is nothing between (Q5).
  std::string tls_ca{};

  std::chrono::milliseconds connect_timeout{5'000};  ///< Whole seconds count, at least one.
  std::chrono::milliseconds query_timeout{5'000};    ///< For each answer; likewise.
};

/// `user@host:port/database` or `user@socket/database`, for messages: without the password.
std::string describe(const MysqlAddress& address);

/// The kinds of failure that a caller treats differently.
enum class MysqlFault {
  unavailable,    ///< Not reached, lost, shutting down, read-only, or too slow.
  access_denied,  ///< User, password or grants.
  duplicate_key,
  contention,  ///< Deadlock or lock wait: the statement had no effect and may be tried again.
  too_long,    ///< A value is longer than its column; refused by strict mode, never cut.
  broken,      ///< Anything else: our statement, or their schema.
};

MysqlFault mysql_fault(const sql::SQLException& error);

/// Opens a connection that talks utf8mb4, in strict mode, with the timeouts of `address`, without
/// LOAD DATA LOCAL (Q5), several statements in one string, or reconnecting by itself: a session
/// whose settings are silently lost is worse than an error.
/// Over the network without TLS only such logins are done as keep the password from the server,
/// i.e. mysql_native_password: MySQL 8's caching_sha2_password wants TLS, loopback or a socket.
/// Blocks, at most for the connect timeout. Throws sql::SQLException.
std::unique_ptr<sql::Connection> open_mysql(const MysqlAddress& address);

/// Every thread that uses a connection holds one of these while it does; the client library keeps
/// state per thread.
class MysqlThread {
 public:
  MysqlThread();
  ~MysqlThread();
  MysqlThread(const MysqlThread&) = delete;
  MysqlThread& operator=(const MysqlThread&) = delete;
};

}  // namespace discovery
