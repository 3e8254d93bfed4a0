#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tests {

/// A MariaDB server of the test's own: in a temporary folder, on a free port of 127.0.0.1 and a
/// Unix socket, with a database and a user that may do everything in it. Needs Debian's package
/// `mariadb-server`, no root, and nothing of an installed instance. Ends with the test's process,
/// however that ends. Not durable, so that it is quick.
///
/// Members throw std::runtime_error, with the end of the server's log, when it does not obey.
class MariaDb {
 public:
  /// Started, and ready to be asked. `options` are more of the server's own (`--ssl-cert=…`).
  explicit MariaDb(std::vector<std::string> options = {});
  ~MariaDb();  ///< Killed, its folder removed.

  MariaDb(const MariaDb&) = delete;
  MariaDb& operator=(const MariaDb&) = delete;

  void stop();    ///< In order: connections end, the port is closed.
  void kill();    ///< SIGKILL.
  void start();   ///< After stop() or kill(): on the same port, with the same data.
  void stall();   ///< SIGSTOP: it accepts connections and answers nothing.
  void resume();  ///< SIGCONT.

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string socket() const;
  [[nodiscard]] const std::string& user() const { return user_; }
  [[nodiscard]] const std::string& password() const { return password_; }
  [[nodiscard]] const std::string& database() const { return database_; }

  /// Runs statements as the administrator, by the command-line client; returns its rows, columns
  /// separated by tabs.
  std::string sql(std::string_view statements, std::string_view database = {}) const;

  /// Makes an empty database that `user()` may use, for a test that wants its own.
  void create_database(const std::string& name) const;

 private:
  [[nodiscard]] bool answers() const;
  [[nodiscard]] std::string log_end() const;

  const std::vector<std::string> options_;
  std::filesystem::path folder_;
  std::uint16_t port_ = 0;
  pid_t process_ = -1;
  std::string user_ = "meerkat", password_ = "tests only", database_ = "meerkat";
};

}  // namespace tests
