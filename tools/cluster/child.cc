#include "tools/cluster/child.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>
#include <vector>

namespace cluster {

namespace {
constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
}

struct Child::Waiting {
  Waiting(asio::io_context& its_loop, int pidfd) : loop(its_loop), end(its_loop, pidfd) {}

  asio::io_context& loop;
  asio::posix::stream_descriptor end;  // A pidfd: readable once the process has ended.
  std::vector<asio::steady_timer*> timers;
};

Child::Child(asio::io_context& loop, const ProcessKey& key, int pidfd)
    : key_(key), waiting_(std::make_unique<Waiting>(loop, pidfd)) {}

Child::~Child() = default;

Result<std::shared_ptr<Child>> Child::start(asio::io_context& loop, const SpawnOptions& options) {
  const auto key = spawn(options);
  if (!key) return key.error();
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, key->pid, 0));
  if (pidfd < 0) {
    const int error = errno;
    kill(key->pid, SIGKILL);  // Ours and not reaped yet, so the pid is still its own.
    waitpid(key->pid, nullptr, 0);
    return Fault{std::string("cannot watch a process: ") + std::generic_category().message(error),
                 "Linux 5.3 or newer is needed"};
  }
  const std::shared_ptr<Child> child(new Child(loop, *key, pidfd));
  asio::co_spawn(loop, reap(child), [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
  return child;
}

asio::awaitable<void> Child::reap(std::shared_ptr<Child> child) {
  int status = 0;
  // The wait may end without an end (an event of the descriptor before this one with its number):
  // only waitpid tells.
  for (pid_t reaped = 0; reaped == 0; reaped = waitpid(child->key_.pid, &status, WNOHANG)) {
    const auto [error] = co_await child->waiting_->end.async_wait(
        asio::posix::stream_descriptor::wait_read, use_result);
    if (error) co_return;  // The loop is being taken down.
  }
  child->end_ = status;
  for (asio::steady_timer* timer : child->waiting_->timers) timer->cancel();
}

std::string Child::how_it_ended() const {
  if (!end_) return "";
  if (WIFSIGNALED(*end_)) return "signal " + std::to_string(WTERMSIG(*end_));
  return "exit code " + std::to_string(WEXITSTATUS(*end_));
}

std::optional<int> Child::exit_code() const {
  if (!end_) return std::nullopt;
  return WIFSIGNALED(*end_) ? 128 + WTERMSIG(*end_) : WEXITSTATUS(*end_);
}

void Child::signal(int signal) {
  if (running()) signal_process(key_, signal);
}

asio::awaitable<bool> Child::ended(Deadline deadline) {
  if (end_) co_return true;
  asio::steady_timer timer(waiting_->loop, deadline);
  waiting_->timers.push_back(&timer);
  co_await timer.async_wait(use_result);
  std::erase(waiting_->timers, &timer);
  co_return end_.has_value();
}

}  // namespace cluster
