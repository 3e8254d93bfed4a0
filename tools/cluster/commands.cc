#include "tools/cluster/commands.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "tools/cluster/control_client.h"
#include "tools/cluster/database.h"
#include "tools/cluster/logs.h"
#include "tools/cluster/node_config.h"
#include "tools/cluster/state.h"
#include "tools/cluster/table.h"

namespace cluster {

namespace fs = std::filesystem;

namespace {

constexpr int end_limit_ms = 10'000;

void print_progress(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

fs::path socket_of(const Invocation& invocation) { return invocation.folder / "supervisor.sock"; }

/// Becomes `arguments`; returns only when that fails.
int become(const Invocation& invocation, std::vector<std::string> arguments) {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execvp(pointers[0], pointers.data());
  return finish(
      invocation,
      reply_of({"cannot run " + arguments[0] + ": " + std::generic_category().message(errno), ""}));
}

/// Ends one recorded process: SIGTERM, and SIGKILL if that is not enough.
void end_process(const ProcessKey& key) {
  if (!signal_process(key, SIGTERM)) return;
  signal_process(key, SIGCONT);
  if (!await_end(key, end_limit_ms)) signal_process(key, SIGKILL);
  await_end(key, end_limit_ms);
}

}  // namespace

int finish(const Invocation& invocation, const Reply& reply) {
  if (invocation.json) {
    std::printf("%s\n", boost::json::serialize(reply.result).c_str());
  } else {
    std::fputs(reply.text.c_str(), stdout);
  }
  std::fputs(reply.error.c_str(), stderr);
  return reply.exit_code;
}

int run_command(const Invocation& invocation, const boost::json::object& request) {
  const auto reply = send_command(socket_of(invocation), request, print_progress);
  return finish(invocation, reply ? *reply : reply_of(reply.error()));
}

int show_status(const Invocation& invocation, bool watch) {
  const boost::json::object request{{"command", "status"}};
  while (true) {
    const auto reply = send_command(socket_of(invocation), request, print_progress);
    if (!reply) {
      const auto record = read_record(invocation.folder);
      if (!record) return finish(invocation, reply_of(record.error()));
      return finish(invocation, reply_of(reply.error()));
    }
    const bool screen = watch && !invocation.json && isatty(STDOUT_FILENO) == 1;
    if (screen) std::fputs("\033[H\033[2J", stdout);
    const int code = finish(invocation, *reply);
    std::fflush(stdout);
    if (!watch) return code;
    const timespec second{1, 0};
    nanosleep(&second, nullptr);
  }
}

int end_cluster(const Invocation& invocation, bool delete_folder) {
  const boost::json::object request{{"command", delete_folder ? "reset" : "down"}};
  const auto reply = send_command(socket_of(invocation), request, print_progress);
  if (reply) return finish(invocation, *reply);
  Reply outcome;
  outcome.text = "cluster " + invocation.name + " does not run";
  if (auto record = read_record(invocation.folder)) {
    for (const NodeRecord& node : record->nodes) end_process(node.process);
    if (!record->mysql.external) end_process(record->mysql.process);
    end_process(record->supervisor);
  }
  if (delete_folder) {
    std::error_code error;
    fs::remove_all(invocation.folder, error);
    if (error) {
      return finish(
          invocation,
          reply_of({"cannot delete " + invocation.folder.string() + ": " + error.message(), ""}));
    }
    outcome.text += ", its folder is deleted";
  }
  outcome.text += "\n";
  outcome.result = {{"done", delete_folder ? "reset" : "down"}};
  return finish(invocation, outcome);
}

int show_logs(const Invocation& invocation, const std::string& node, bool follow) {
  const auto record = read_record(invocation.folder);
  if (!record) return finish(invocation, reply_of(record.error()));
  std::vector<std::string> nodes;
  for (const NodeRecord& known : record->nodes) {
    if (node.empty() || node == known.name) nodes.push_back(known.name);
  }
  if (nodes.empty()) {
    const std::string which = node.empty() ? "node" : "node " + node;
    return finish(invocation, reply_of({"there is no " + which, "cluster status"}));
  }
  const auto print = [&](const LogLine& line) {
    if (nodes.size() > 1) std::printf("%s ", line.node.c_str());
    return std::puts(line.text.c_str()) >= 0 && std::fflush(stdout) == 0;
  };
  if (follow) {
    follow_logs(*record, nodes, print);
  } else {
    for (const LogLine& line : merged_logs(*record, nodes)) print(line);
  }
  return 0;
}

int open_mysql(const Invocation& invocation, const std::vector<std::string>& arguments) {
  const auto record = read_record(invocation.folder);
  if (!record) return finish(invocation, reply_of(record.error()));
  const auto password = read_secret(*record, "db");
  if (!password) return finish(invocation, reply_of(password.error()));
  setenv("MYSQL_PWD", password->c_str(), 1);
  std::vector<std::string> command = database_client_command(*record);
  command.insert(command.end() - 1, arguments.begin(), arguments.end());
  return become(invocation, std::move(command));
}

int run_meerkatctl(const Invocation& invocation, const std::vector<std::string>& arguments) {
  const auto record = read_record(invocation.folder);
  if (!record) return finish(invocation, reply_of(record.error()));
  std::vector<std::string> command{invocation.programs.meerkatctl.string()};
  for (const NodeRecord& node : record->nodes) {
    if (node.phase == NodePhase::stopped || node.phase == NodePhase::failed) continue;
    command.push_back("--admin=127.0.0.1:" +
                      std::to_string(record->ports.of(node.number, PortPlan::Service::admin)));
  }
  command.push_back("--token-file=" + (record->folder / "secrets" / "admin-token").string());
  command.insert(command.end(), arguments.begin(), arguments.end());
  return become(invocation, std::move(command));
}

int open_page(const Invocation& invocation) {
  const auto record = read_record(invocation.folder);
  if (!record) return finish(invocation, reply_of(record.error()));
  for (const NodeRecord& node : record->nodes) {
    if (node.phase != NodePhase::ready) continue;
    const auto port = record->ports.of(node.number, PortPlan::Service::admin);
    const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/#token=dev";
    std::printf("%s\n", url.c_str());
    std::fflush(stdout);
    return become(invocation, {"xdg-open", url});
  }
  return finish(invocation, reply_of({"no node is ready", "cluster status"}));
}

}  // namespace cluster
