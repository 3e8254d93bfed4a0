#include "tools/cluster/run.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <system_error>
#include <utility>

#include "tools/cluster/control_client.h"
#include "tools/cluster/supervisor.h"

namespace cluster {

namespace fs = std::filesystem;

namespace {

constexpr int exit_interrupted = 130;

/// Nodes and the balancer want many sockets; children take this over.
void raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int supervise(SupervisorOptions options, const Progress& progress,
              const std::function<void(const Reply&)>& announce) {
  raise_open_files();
  signal(SIGPIPE, SIG_IGN);
  asio::io_context loop(1);
  Supervisor supervisor(loop, std::move(options));
  asio::signal_set signals(loop, SIGINT, SIGTERM, SIGHUP);
  std::function<void(const boost::system::error_code&, int)> on_signal;
  bool asked = false;
  on_signal = [&](const boost::system::error_code& error, int) {
    if (error) return;
    if (asked) std::_Exit(exit_interrupted);  // The children's death signal ends them.
    asked = true;
    supervisor.stop();
    signals.async_wait(on_signal);
  };
  signals.async_wait(on_signal);
  int exit_code = 1;
  asio::co_spawn(loop, supervisor.run(progress, announce),
                 [&](const std::exception_ptr& failure, int code) {
                   if (failure) std::rethrow_exception(failure);
                   exit_code = code;
                   loop.stop();
                 });
  loop.run();
  return exit_code;
}

/// Leaves the terminal; what goes wrong later is in `log`.
void detach_from_terminal(const fs::path& log) {
  setsid();
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  dup2(nothing, STDIN_FILENO);
  dup2(file >= 0 ? file : nothing, STDOUT_FILENO);
  dup2(file >= 0 ? file : nothing, STDERR_FILENO);
}

int supervise_detached(const Invocation& invocation, SupervisorOptions options) {
  std::error_code error;
  fs::create_directories(invocation.folder, error);
  std::array<int, 2> report{};
  if (pipe2(report.data(), O_CLOEXEC) != 0) {
    return finish(invocation, reply_of({"no pipe", ""}));
  }
  // Before there is a loop or a thread, so that the child is a whole supervisor.
  const pid_t pid = fork();
  if (pid < 0) {
    return finish(invocation, reply_of({"cannot start another process", ""}));
  }
  if (pid == 0) {
    close(report[0]);
    detach_from_terminal(invocation.folder / "supervisor.log");
    const auto tell = [&](const std::string& line) {
      // Whoever ran `up` may have gone meanwhile; the cluster stays.
      [[maybe_unused]] const auto told = write(report[1], line.data(), line.size());
    };
    const int code = supervise(
        std::move(options), [&](const std::string& text) { tell(progress_line(text)); },
        [&](const Reply& reply) {
          tell(reply_line(reply));
          close(report[1]);
        });
    std::_Exit(code);
  }
  close(report[1]);
  const auto reply = read_reply(
      report[0], [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); });
  return finish(invocation, reply ? *reply : reply_of(reply.error()));
}

}  // namespace

int run_up(const Invocation& invocation, const UpOptions& up) {
  SupervisorOptions options{.name = invocation.name,
                            .folder = invocation.folder,
                            .nodes = up.nodes,
                            .port_base = up.port_base,
                            .accounts = up.accounts,
                            .program = invocation.programs.meerkatd,
                            .next_program = invocation.programs.meerkatd_next,
                            .mysql = std::nullopt,
                            .gates = up.gates,
                            .peer_tls = up.peer_tls,
                            .settings = up.settings,
                            .keep = up.keep || up.detach,
                            .command = invocation.called_as};
  if (!up.mysql.empty()) {
    auto url = parse_mysql_url(up.mysql);
    if (!url) return finish(invocation, reply_of(url.error()));
    options.mysql = *std::move(url);
  }
  if (PortPlan{options.port_base}.nodes_max() < up.nodes) {
    return finish(invocation,
                  reply_of({"no ports below 65536 for so many nodes", "--port-base=15000"}));
  }
  if (up.detach) return supervise_detached(invocation, std::move(options));
  return supervise(
      std::move(options),
      [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); },
      [&](const Reply& reply) {
        Reply shown = reply;
        if (reply.exit_code == 0 && up.keep) {
          shown.text += "  Ctrl-C stops all and keeps " + invocation.folder.string() + "\n";
        } else if (reply.exit_code == 0) {
          shown.text += "  Ctrl-C stops all and deletes " + invocation.folder.string() +
                        " (--keep keeps it, --detach returns now)\n";
        }
        finish(invocation, shown);
        std::fflush(stdout);
      });
}

}  // namespace cluster
