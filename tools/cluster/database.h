#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "tools/cluster/child.h"
#include "tools/cluster/fault.h"
#include "tools/cluster/state.h"

namespace cluster {

namespace asio = boost::asio;

/// The cluster's private MariaDB: its data in `folder`/mysql, listening on loopback and on a Unix
/// socket, no root needed and the machine's own server untouched.
///
/// Threads: lives on the supervisor's loop.
class Database {
 public:
  Database(asio::io_context& loop, ClusterRecord& record) : loop_(loop), record_(record) {}

  /// Makes the data folder if there is none, starts the server, and waits until it answers.
  /// Keeps `record.mysql` up to date. Already running: done.
  /// Errors: not installed, the folder cannot be made, it ended or did not answer in time; with
  /// the last lines of its log.
  asio::awaitable<Result<void>> start();

  /// Stops it in place (SIGSTOP), and lets it go on: what it was asked for is not answered
  /// meanwhile, and no connection ends. Errors: it does not run.
  Result<void> pause();
  Result<void> resume();

  /// Ends it in order, within 30 s, else by force. Not running: done.
  asio::awaitable<void> stop();

  /// Runs a script of SQL, as the nodes' user, on the cluster's database (private or external).
  /// Errors: the client is not installed or the server refused; with its words.
  asio::awaitable<Result<void>> run_script(std::string sql, Deadline deadline);

  [[nodiscard]] const std::shared_ptr<Child>& child() const { return child_; }

 private:
  asio::awaitable<Result<void>> make_data_folder();
  Result<void> signal(int signal);

  asio::io_context& loop_;
  ClusterRecord& record_;
  std::shared_ptr<Child> child_;
};

/// The command line of a `mariadb` client on the cluster's database. The password goes by the
/// environment variable MYSQL_PWD, so that no process list shows it.
std::vector<std::string> database_client_command(const ClusterRecord& record);

/// `mysql://user[:password]@host[:port]/database`, as --mysql takes it. The password is returned
/// apart: it belongs into a file. Errors: not of this form.
struct MysqlUrl {
  MysqlRecord record;
  std::string password;
};
Result<MysqlUrl> parse_mysql_url(const std::string& url);

/// The last `lines_max` lines of a file; empty if it cannot be read.
std::string last_lines(const std::filesystem::path& file, std::size_t lines_max);

}  // namespace cluster
