#include "tools/cluster/database.h"

#include <signal.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <chrono>
#include <deque>
#include <fstream>
#include <system_error>
#include <utility>

#include "tools/cluster/node_config.h"

namespace cluster {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
constexpr auto install_limit = 120s;  // A slow disk; usually two seconds.
constexpr auto start_limit = 60s;
constexpr auto stop_limit = 30s;
constexpr auto look_interval = 50ms;
constexpr std::size_t log_lines = 20;

Deadline in(std::chrono::steady_clock::duration limit) {
  return std::chrono::steady_clock::now() + limit;
}

/// mariadbd is in sbin, which an ordinary user's PATH may lack.
std::string server_program() {
  for (const char* path : {"/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd"}) {
    if (access(path, X_OK) == 0) return path;
  }
  return "mariadbd";
}

Fault with_log(std::string text, std::string fix, const fs::path& log) {
  return {std::move(text), std::move(fix), last_lines(log, log_lines)};
}

/// As root, MariaDB wants to hear that this is meant.
void add_user_flag(std::vector<std::string>& arguments) {
  if (geteuid() == 0) arguments.emplace_back("--user=root");
}

/// Once the server serves, it greets each connection first: a packet whose fifth byte, behind its
/// header, is the protocol's version, 10.
asio::awaitable<bool> greets(asio::io_context& loop, std::string socket_path) {
  asio::local::stream_protocol::socket socket(loop);
  const asio::local::stream_protocol::endpoint server(socket_path);
  const auto [unreachable] = co_await socket.async_connect(server, use_result);
  if (unreachable) co_return false;
  std::array<unsigned char, 5> greeting{};
  const auto [error, size] = co_await asio::async_read(socket, asio::buffer(greeting), use_result);
  co_return !error && greeting[4] == 10;
}

}  // namespace

std::string last_lines(const fs::path& file, std::size_t lines_max) {
  std::ifstream in(file);
  std::deque<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
    if (lines.size() > lines_max) lines.pop_front();
  }
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

asio::awaitable<Result<void>> Database::make_data_folder() {
  const fs::path data = record_.folder / "mysql";
  const fs::path log = record_.folder / "mysql.log";
  // Made aside and moved into place whole, so an interrupted first start leaves nothing half-made.
  const fs::path unfinished = record_.folder / "mysql.new";
  std::error_code error;
  fs::remove_all(unfinished, error);
  SpawnOptions install{.arguments = {"mariadb-install-db", "--no-defaults", "--skip-test-db",
                                     "--datadir=" + unfinished.string()},
                       .environment = {},
                       .output = log,
                       .input = {},
                       .folder = {},
                       .parent_death_signal = SIGKILL};
  add_user_flag(install.arguments);
  const auto child = Child::start(loop_, install);
  if (!child) {
    Fault fault = child.error();
    fault.fix = "apt-get install mariadb-server, or give a server of yours by --mysql=URL";
    co_return fault;
  }
  const bool ended = co_await (*child)->ended(in(install_limit));
  if (!ended || (*child)->exit_code() != 0) {
    (*child)->signal(SIGKILL);
    co_return with_log("cannot make a database in " + unfinished.string(), "", log);
  }
  fs::rename(unfinished, data, error);
  if (error) {
    co_return Fault{"cannot make " + data.string() + ": " + error.message(), ""};
  }
  co_return Result<void>();
}

asio::awaitable<Result<void>> Database::start() {
  if (record_.mysql.external || (child_ && child_->running())) co_return Result<void>();
  const fs::path data = record_.folder / "mysql";
  const fs::path log = record_.folder / "mysql.log";
  record_.mysql.socket = (record_.folder / "mysql.sock").string();
  if (record_.mysql.socket.size() >= sizeof(sockaddr_un::sun_path)) {
    co_return Fault{"the path of the database's socket is too long: " + record_.mysql.socket,
                    "--folder=DIRECTORY with a shorter path"};
  }
  if (!fs::exists(data)) {
    const auto made = co_await make_data_folder();
    if (!made) co_return made.error();
  }
  const auto password = read_secret(record_, "db");
  if (!password) co_return password.error();
  // The password is hexadecimal and needs no quoting. The file is run before the first connection
  // is taken, at each start, so a secret made anew counts.
  const std::string& user = record_.mysql.user;
  const std::string& schema = record_.mysql.database;
  std::string init = "CREATE DATABASE IF NOT EXISTS " + schema +
                     " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;\n"
                     "DROP USER IF EXISTS ''@'localhost';\n";
  for (const char* host : {"localhost", "127.0.0.1"}) {
    std::string account = "'";
    account.append(user).append("'@'").append(host).append("'");
    init.append("CREATE OR REPLACE USER ").append(account);
    init.append(" IDENTIFIED BY '").append(*password).append("';\n");
    init.append("GRANT ALL ON ").append(schema).append(".* TO ").append(account).append(";\n");
  }
  const fs::path init_file = record_.folder / "secrets" / "init.sql";
  if (auto written = write_private_file(init_file, init); !written) co_return written.error();

  SpawnOptions server{
      .arguments = {server_program(), "--no-defaults", "--datadir=" + data.string(),
                    "--socket=" + record_.mysql.socket, "--bind-address=127.0.0.1",
                    "--port=" + std::to_string(record_.mysql.port), "--skip-name-resolve",
                    "--init-file=" + init_file.string(), "--local-infile=OFF",
                    "--pid-file=" + (record_.folder / "mysql.pid").string(),
                    "--max-connections=400", "--innodb-buffer-pool-size=128M",
                    // A test cluster may lose its last second when the machine loses power.
                    "--innodb-flush-log-at-trx-commit=2", "--character-set-server=utf8mb4",
                    "--collation-server=utf8mb4_bin"},
      .environment = {},
      .output = log,
      .input = {},
      .folder = {},
      .parent_death_signal = SIGTERM};  // In order, so that a kept folder is whole.
  add_user_flag(server.arguments);
  const auto child = Child::start(loop_, server);
  if (!child) {
    Fault fault = child.error();
    fault.fix = "apt-get install mariadb-server, or give a server of yours by --mysql=URL";
    co_return fault;
  }
  child_ = *child;
  record_.mysql.process = child_->key();
  const Deadline deadline = in(start_limit);
  while (true) {
    const bool serves = co_await greets(loop_, record_.mysql.socket);
    if (serves) break;
    const bool over = co_await child_->ended(in(look_interval));
    if (over) {
      record_.mysql.process = {};
      co_return with_log("MySQL ended at start: " + child_->how_it_ended(), "cluster reset", log);
    }
    if (std::chrono::steady_clock::now() > deadline) {
      co_return with_log("MySQL does not answer after 60 s", "", log);
    }
  }
  record_.mysql.running = true;
  co_return Result<void>();
}

Result<void> Database::signal(int signal) {
  if (!child_ || !child_->running()) return Fault{"MySQL does not run", "cluster mysql-start"};
  child_->signal(signal);
  return {};
}

Result<void> Database::pause() { return signal(SIGSTOP); }
Result<void> Database::resume() { return signal(SIGCONT); }

asio::awaitable<void> Database::stop() {
  if (!child_) co_return;
  child_->signal(SIGTERM);
  child_->signal(SIGCONT);  // Paused, it could not end in order.
  const bool ended = co_await child_->ended(in(stop_limit));
  if (!ended) {
    child_->signal(SIGKILL);
    co_await child_->ended(in(stop_limit));
  }
  record_.mysql.running = false;
  record_.mysql.process = {};
}

asio::awaitable<Result<void>> Database::run_script(std::string sql, Deadline deadline) {
  const auto password = read_secret(record_, "db");
  if (!password) co_return password.error();
  const fs::path script = record_.folder / "secrets" / "script.sql";
  const fs::path answer = record_.folder / "script.log";
  if (auto written = write_private_file(script, sql); !written) co_return written.error();
  std::error_code ignored;
  fs::remove(answer, ignored);
  const SpawnOptions client{.arguments = database_client_command(record_),
                            .environment = {{"MYSQL_PWD", *password}},
                            .output = answer,
                            .input = script,
                            .folder = {},
                            .parent_death_signal = SIGKILL};
  const auto child = Child::start(loop_, client);
  if (!child) co_return child.error();
  const bool ended = co_await (*child)->ended(deadline);
  if (!ended) (*child)->signal(SIGKILL);
  fs::remove(script, ignored);
  if (!ended) {
    co_return Fault{"the database did not take a script in time", ""};
  }
  if ((*child)->exit_code() != 0) co_return with_log("the database refused a script", "", answer);
  fs::remove(answer, ignored);
  co_return Result<void>();
}

std::vector<std::string> database_client_command(const ClusterRecord& record) {
  const MysqlRecord& mysql = record.mysql;
  return {"mariadb",
          "--no-defaults",
          "--protocol=tcp",
          "--host=" + mysql.host,
          "--port=" + std::to_string(mysql.port),
          "--user=" + mysql.user,
          "--default-character-set=utf8mb4",
          mysql.database};
}

Result<MysqlUrl> parse_mysql_url(const std::string& url) {
  const Fault malformed{"--mysql: not a database's address",
                        "--mysql=mysql://user:password@host:3306/database"};
  constexpr std::string_view scheme = "mysql://";
  if (!url.starts_with(scheme)) return malformed;
  const std::string rest = url.substr(scheme.size());
  const auto at = rest.rfind('@');  // A password may hold an @ itself.
  const auto slash = rest.find('/', at == std::string::npos ? 0 : at);
  if (at == std::string::npos || slash == std::string::npos) return malformed;
  MysqlUrl parsed;
  parsed.record.external = true;
  parsed.record.running = true;
  const std::string who = rest.substr(0, at);
  const auto user_end = who.find(':');
  parsed.record.user = who.substr(0, user_end);
  if (user_end != std::string::npos) parsed.password = who.substr(user_end + 1);
  const std::string where = rest.substr(at + 1, slash - at - 1);
  const auto host_end = where.rfind(':');
  parsed.record.host = where.substr(0, host_end);
  parsed.record.port = 3306;
  if (host_end != std::string::npos) {
    const char* begin = where.data() + host_end + 1;
    const char* end = where.data() + where.size();
    const auto [rest_of_port, error] = std::from_chars(begin, end, parsed.record.port);
    if (error != std::errc() || rest_of_port != end) return malformed;
  }
  parsed.record.database = rest.substr(slash + 1);
  if (parsed.record.user.empty() || parsed.record.host.empty() || parsed.record.database.empty()) {
    return malformed;
  }
  return parsed;
}

}  // namespace cluster
