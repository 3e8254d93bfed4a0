#include "tests/support/mariadb.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "tests/support/free_ports.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

constexpr auto start_limit = 60s;  // Recovery after kill(), on a machine that builds meanwhile.
constexpr auto stop_limit = 30s;

// Starts a program whose output goes to `output` and that ends with this process. What stands
// between fork and exec is safe where other threads run.
pid_t spawn(const std::vector<std::string>& command, int input, int output) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  if (child > 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

bool wait_for_end(pid_t process, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (waitpid(process, nullptr, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) return false;
    poll(nullptr, 0, 10);
  }
  return true;
}

// Runs a program to its end; its output, or a throw when it fails.
std::string run(const std::vector<std::string>& command, std::string_view input) {
  std::array<char, 32> input_name{"/tmp/meerkat-test-XXXXXX"};
  std::array<char, 32> output_name{"/tmp/meerkat-test-XXXXXX"};
  const int input_file = mkostemp(input_name.data(), O_CLOEXEC);
  const int output_file = mkostemp(output_name.data(), O_CLOEXEC);
  unlink(input_name.data());
  unlink(output_name.data());
  const auto written = write(input_file, input.data(), input.size());
  lseek(input_file, 0, SEEK_SET);
  int status = -1;
  if (written == static_cast<ssize_t>(input.size())) {
    waitpid(spawn(command, input_file, output_file), &status, 0);
  }
  std::string output(static_cast<std::size_t>(lseek(output_file, 0, SEEK_END)), '\0');
  const auto got = pread(output_file, output.data(), output.size(), 0);
  ::close(input_file);
  ::close(output_file);
  if (status != 0 || got != static_cast<ssize_t>(output.size())) {
    throw std::runtime_error(command.front() + " failed: " + output);
  }
  return output;
}

}  // namespace

MariaDb::MariaDb(std::vector<std::string> options)
    : options_(std::move(options)), port_(free_ports(1).front()) {
  std::string name = (std::filesystem::temp_directory_path() / "meerkat-mariadb-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error(name + ": " + strerror(errno));
  folder_ = name;
  // Of its own: sandboxes share /tmp but not process ids, which MariaDB names its files by.
  std::filesystem::create_directory(folder_ / "tmp");
  std::vector<std::string> install = {"mariadb-install-db",
                                      "--no-defaults",
                                      "--skip-test-db",
                                      "--auth-root-authentication-method=normal",
                                      "--datadir=" + (folder_ / "data").string(),
                                      "--tmpdir=" + (folder_ / "tmp").string()};
  if (geteuid() == 0) install.emplace_back("--user=root");
  run(install, {});
  start();
  create_database(database_);
}

MariaDb::~MariaDb() {
  if (process_ > 0) kill();
  std::error_code ignored;  // Left-overs in a temporary folder fail no test.
  std::filesystem::remove_all(folder_, ignored);
}

std::string MariaDb::socket() const { return (folder_ / "socket").string(); }

void MariaDb::start() {
  const int log = open((folder_ / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  std::vector<std::string> command = {
      "/usr/sbin/mariadbd", "--no-defaults", "--datadir=" + (folder_ / "data").string(),
      "--tmpdir=" + (folder_ / "tmp").string(), "--socket=" + socket(),
      "--port=" + std::to_string(port_), "--bind-address=127.0.0.1",
      "--pid-file=" + (folder_ / "pid").string(), "--skip-name-resolve", "--skip-log-bin",
      // A test's data need not survive the loss of power.
      "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0",
      "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--performance-schema=0",
      // The defaults that our own settings must not depend on.
      "--sql-mode=", "--character-set-server=latin1"};
  if (geteuid() == 0) command.emplace_back("--user=root");
  command.insert(command.end(), options_.begin(), options_.end());
  process_ = spawn(command, nothing, log);
  ::close(log);
  ::close(nothing);

  const auto end = std::chrono::steady_clock::now() + start_limit;
  while (!answers()) {
    const bool ended = waitpid(process_, nullptr, WNOHANG) == process_;
    if (ended || std::chrono::steady_clock::now() > end) {
      if (ended) process_ = -1;
      throw std::runtime_error("mariadbd did not start: " + log_end());
    }
    poll(nullptr, 0, 20);
  }
}

void MariaDb::stop() {
  ::kill(process_, SIGTERM);
  ::kill(process_, SIGCONT);
  if (!wait_for_end(process_, stop_limit)) {
    throw std::runtime_error("mariadbd did not stop: " + log_end());
  }
  process_ = -1;
}

void MariaDb::kill() {
  ::kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = -1;
}

void MariaDb::stall() {
  ::kill(process_, SIGSTOP);
  waitpid(process_, nullptr, WUNTRACED);  // Until its last thread has stopped.
}

void MariaDb::resume() { ::kill(process_, SIGCONT); }

// Whether the server greets: its first packet says protocol version 10.
bool MariaDb::answers() const {
  const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket().copy(address.sun_path, sizeof(address.sun_path) - 1);
  bool greeted = false;
  if (connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
    pollfd readable{.fd = client, .events = POLLIN, .revents = 0};
    std::array<char, 5> greeting{};
    greeted = poll(&readable, 1, 1'000) == 1 &&
              recv(client, greeting.data(), greeting.size(), 0) == 5 && greeting[4] == 10;
  }
  ::close(client);
  return greeted;
}

std::string MariaDb::log_end() const {
  std::ifstream file(folder_ / "log");
  std::ostringstream text;
  text << file.rdbuf();
  constexpr std::size_t bytes_max = 2'000;
  const std::string all = text.str();
  return all.size() > bytes_max ? all.substr(all.size() - bytes_max) : all;
}

std::string MariaDb::sql(std::string_view statements, std::string_view database) const {
  std::vector<std::string> command = {"mariadb",
                                      "--no-defaults",
                                      "--user=root",
                                      "--socket=" + socket(),
                                      "--default-character-set=utf8mb4",
                                      "--batch",
                                      "--skip-column-names"};
  if (!database.empty()) command.emplace_back(database);
  return run(command, statements);
}

void MariaDb::create_database(const std::string& name) const {
  sql("CREATE DATABASE " + name + "; GRANT ALL ON " + name + ".* TO '" + user_ +
      "'@'%' IDENTIFIED BY '" + password_ + "'");
}

}  // namespace tests
