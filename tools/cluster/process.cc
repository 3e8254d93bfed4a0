#include "tools/cluster/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

namespace cluster {

namespace {

struct Stat {
  char state = '?';
  std::uint64_t start_ticks = 0;
};

/// /proc/PID/stat; the second field is the program's name in brackets and may itself hold brackets
/// and blanks, so fields are counted behind the last one.
std::optional<Stat> read_stat(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream words(text.substr(name_end + 1));
  Stat stat;
  std::string skipped;
  words >> stat.state;
  for (int field = 4; field < 22; ++field) words >> skipped;
  words >> stat.start_ticks;
  if (!words) return std::nullopt;
  return stat;
}

int pidfd_open(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

/// A pidfd of exactly that process, or -1. Opened first, compared after: between the two the pid
/// cannot pass to somebody else without the comparison failing.
int open_exactly(const ProcessKey& key) {
  if (key.pid <= 0) return -1;
  const int fd = pidfd_open(key.pid);
  if (fd < 0) return -1;
  if (!is_running(key)) {
    close(fd);
    return -1;
  }
  return fd;
}

/// Everything between fork and exec; only async-signal-safe calls. Returns the failing errno.
int become(const SpawnOptions& options, char* const* arguments, char* const* environment,
           pid_t parent, int input, int output) {
  setpgid(0, 0);
  if (prctl(PR_SET_PDEATHSIG, options.parent_death_signal) != 0) return errno;
  if (getppid() != parent) _exit(1);  // It died before the line above took effect.
  if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) return errno;
  if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) return errno;
  // Asio opens its sockets without close-on-exec: a node must not keep the balancer's port open.
  if (close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC) != 0) {
    for (int fd = 3, end = static_cast<int>(sysconf(_SC_OPEN_MAX)); fd < end; ++fd) {
      fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
  }
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  execvpe(arguments[0], arguments, environment);
  return errno;
}

}  // namespace

std::optional<ProcessKey> find_process(pid_t pid) {
  const auto stat = read_stat(pid);
  if (!stat || stat->state == 'Z' || stat->state == 'X') return std::nullopt;
  return ProcessKey{pid, stat->start_ticks};
}

bool is_running(const ProcessKey& key) { return key.pid > 0 && find_process(key.pid) == key; }

bool signal_process(const ProcessKey& key, int signal) {
  const int fd = open_exactly(key);
  if (fd < 0) return false;
  const bool sent = syscall(SYS_pidfd_send_signal, fd, signal, nullptr, 0) == 0;
  close(fd);
  return sent;
}

bool await_end(const ProcessKey& key, int milliseconds) {
  const int fd = open_exactly(key);
  if (fd < 0) return true;
  pollfd wait{fd, POLLIN, 0};
  const int ready = poll(&wait, 1, milliseconds);
  close(fd);
  return ready == 1;
}

Result<ProcessKey> spawn(const SpawnOptions& options) {
  const std::string& program = options.arguments.at(0);
  const auto fault = [&](int error, const std::string& what) {
    return Fault{"cannot run " + program + ": " + what + std::generic_category().message(error),
                 ""};
  };
  const std::string source = options.input.empty() ? "/dev/null" : options.input.string();
  const int input = open(source.c_str(), O_RDONLY | O_CLOEXEC);
  if (input < 0) return fault(errno, source + ": ");
  const int output = open(options.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (output < 0) {
    const int error = errno;
    close(input);
    return fault(error, options.output.string() + ": ");
  }
  std::array<int, 2> report{};
  if (pipe2(report.data(), O_CLOEXEC) != 0) {
    const int error = errno;
    close(input);
    close(output);
    return fault(error, "");
  }

  // Built before the fork: allocating between fork and exec is not safe everywhere.
  std::vector<char*> arguments;
  arguments.reserve(options.arguments.size() + 1);
  for (const std::string& argument : options.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  std::vector<std::string> added;
  added.reserve(options.environment.size());
  for (const auto& [name, value] : options.environment) {
    added.push_back(name);
    added.back().append("=").append(value);
  }
  std::size_t inherited = 0;
  while (environ[inherited] != nullptr) ++inherited;
  std::vector<char*> environment;
  environment.reserve(added.size() + inherited + 1);
  for (std::string& entry : added) environment.push_back(entry.data());
  environment.insert(environment.end(), environ, environ + inherited);
  environment.push_back(nullptr);

  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    const int error = become(options, arguments.data(), environment.data(), parent, input, output);
    [[maybe_unused]] const auto told = write(report[1], &error, sizeof error);
    _exit(127);
  }
  const int fork_error = errno;
  close(input);
  close(output);
  close(report[1]);
  if (pid < 0) {
    close(report[0]);
    return fault(fork_error, "");
  }
  int error = 0;  // The pipe closes without a byte when exec succeeds.
  const bool failed = read(report[0], &error, sizeof error) == sizeof error;
  close(report[0]);
  if (failed) return fault(error, "");
  // It may have ended already, and its zombie still has its start time.
  const auto stat = read_stat(pid);
  return ProcessKey{pid, stat ? stat->start_ticks : 0};
}

}  // namespace cluster
