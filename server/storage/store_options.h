#pragma once

#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "server/storage/schema.h"

namespace server {

struct MysqlStorageOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 3306;
  std::string socket{};  ///< A Unix socket's path; then host and port are unused.
  std::string user{};
  std::string password{};
  std::string database{};  ///< Must exist; the tables in it are made.
  std::string tls_ca{};    ///< PEM file: TLS, with the server verified. Empty: no TLS (Q5).
  std::size_t connections = 4;
  std::chrono::milliseconds connect_timeout{5'000};  ///< Whole seconds, at least one.
  std::chrono::milliseconds query_timeout{5'000};    ///< Whole seconds, at least one.
  std::chrono::milliseconds retry_interval{1'000};   ///< Between two tries while it is away.
};

struct StorageOptions {
  /// The nodes' shared database. Absent: the embedded store in `sqlite_path`, for one node alone.
  std::optional<MysqlStorageOptions> mysql{};
  std::string sqlite_path = "meerkat.db";  ///< Made if it is not there, readable by its owner only.

  SchemaPolicy schema = SchemaPolicy::migrate;
  std::size_t queue_max = 10'000;             ///< Calls that wait for a thread.
  std::chrono::milliseconds wait_max{5'000};  ///< A call that waited longer is refused.
};

/// Why the storage did not open: the code to act upon, the words for a person.
struct OpenFailure {
  boost::system::error_code error{};
  std::string
      detail{};  ///< Names host, user and database or the file, and the database's own words.
};

}  // namespace server
