#include "loadgen/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

extern char** environ;

namespace loadgen {
namespace {

constexpr std::size_t output_bytes_max = std::size_t{1} << 20;

}  // namespace

ChildProcess::ChildProcess(Poller& poller, Callbacks callbacks)
    : poller_(poller), callbacks_(std::move(callbacks)) {}

ChildProcess::~ChildProcess() {
  for (const int fd : {output_fd_, error_fd_}) {
    if (fd < 0) continue;
    poller_.remove(fd, *this);
    close(fd);
  }
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
}

Result<void> ChildProcess::start(const std::vector<std::string>& command) {
  std::array<int, 2> output{};
  std::array<int, 2> errors{};
  if (pipe2(output.data(), O_CLOEXEC) != 0) return Fault{"no pipe: no descriptors left"};
  if (pipe2(errors.data(), O_CLOEXEC) != 0) {
    close(output[0]);
    close(output[1]);
    return Fault{"no pipe: no descriptors left"};
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output[1], 1);
  posix_spawn_file_actions_adddup2(&actions, errors[1], 2);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const int failed =
      posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(output[1]);
  close(errors[1]);
  if (failed != 0) {
    pid_ = -1;
    close(output[0]);
    close(errors[0]);
    return Fault{"cannot run " + command[0] + ": " + std::strerror(failed)};
  }
  output_fd_ = output[0];
  error_fd_ = errors[0];
  for (const int fd : {output_fd_, error_fd_}) {
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (!poller_.add(fd, EPOLLIN, *this)) return Fault{"the kernel watches no more descriptors"};
  }
  return {};
}

bool ChildProcess::read_some(int& fd, std::string& into) {
  std::array<char, 4096> buffer{};
  while (fd >= 0) {
    const auto size = read(fd, buffer.data(), buffer.size());
    if (size > 0) {
      if (into.size() < output_bytes_max)
        into.append(buffer.data(), static_cast<std::size_t>(size));
      continue;
    }
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    poller_.remove(fd, *this);
    close(fd);
    fd = -1;
  }
  return false;
}

void ChildProcess::tell_lines() {
  for (auto end = errors_.find('\n'); end != std::string::npos; end = errors_.find('\n')) {
    const std::string line = errors_.substr(0, end);
    errors_.erase(0, end + 1);
    if (callbacks_.on_progress) callbacks_.on_progress(line);
  }
}

void ChildProcess::on_ready(std::uint32_t) {
  const bool output_open = read_some(output_fd_, output_);
  const bool errors_open = read_some(error_fd_, errors_);
  tell_lines();
  if (output_open || errors_open || pid_ < 0) return;
  // Both ends are closed: it is ending, and this wait is short.
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  // Moved out first: the callback may destroy this object.
  const auto ended = std::move(callbacks_.on_ended);
  const std::string output = std::move(output_);
  ended(code, output);
}

}  // namespace loadgen
