#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "tools/cluster/commands.h"
#include "tools/cluster/run.h"

// `cluster`: several Meerkat nodes and their database on one machine, without root. The process
// that ran `up` owns them all; every other command talks to it.

namespace {

constexpr int exit_command_line = 64;

std::filesystem::path working_directory() {
  // `bazel run` starts programs elsewhere and says here where the person is.
  const char* given = std::getenv("BUILD_WORKING_DIRECTORY");
  return given != nullptr ? std::filesystem::path(given) : std::filesystem::current_path();
}

}  // namespace

int main(int argc, char** argv) {
  using namespace cluster;
  CLI::App app{"Several Meerkat nodes and their database on one machine.", "cluster"};
  app.require_subcommand(1);
  app.get_formatter()->column_width(36);
  app.option_defaults()->always_capture_default();  // Inherited by the commands: --help shows them.

  Invocation invocation;
  invocation.programs = find_programs(own_program());
  std::string folder = ".meerkat";
  std::string output = "text";
  app.add_option("--name", invocation.name, "which cluster on this machine")
      ->check([](const std::string& name) {
        const bool plain =
            !name.empty() && name.size() <= 32 && name[0] != '.' &&
            name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string::npos;
        return plain ? std::string() : std::string("a-z, 0-9, -, _ and ., at most 32");
      });
  app.add_option("--folder", folder, "where clusters keep their files");
  app.add_option("--output", output, "text or json")->check(CLI::IsMember({"text", "json"}));
  app.add_option("--meerkatd", invocation.programs.meerkatd, "the server to run");
  app.add_option("--meerkatd-next", invocation.programs.meerkatd_next,
                 "what `upgrade --to=next` means");
  app.add_option("--meerkatctl", invocation.programs.meerkatctl, "what `ctl` runs");
  app.add_option("--called-as", invocation.called_as, "how hints name this program")->group("");

  UpOptions up;
  CLI::App* up_command = app.add_subcommand("up", "start nodes, show where they serve, own them");
  up_command->add_option("--nodes", up.nodes, "how many nodes")->check(CLI::Range(1, 64));
  up_command->add_option("--port-base", up.port_base, "ports are base + 100 x node + last digits")
      ->check(CLI::Range(1024, 58000));
  up_command->add_option("--mysql", up.mysql, "mysql://user:password@host:port/database of yours");
  up_command->add_option("--accounts", up.accounts, "accounts load0 … to make, password `load`")
      ->check(CLI::Range(0, 1'000'000));
  up_command->add_flag("--gates", up.gates, "paths between nodes can be cut: `cut n1 n2`");
  up_command->add_flag("--peer-tls", up.peer_tls, "TLS on the links between the nodes");
  up_command
      ->add_option("--set", up.settings, "of all nodes, as archive-enabled=false; again for more")
      ->allow_extra_args(false);
  up_command->add_flag("--detach", up.detach, "return once ready; `down` ends it");
  up_command->add_flag("--keep", up.keep, "Ctrl-C keeps the folder");

  bool watch = false;
  CLI::App* status_command = app.add_subcommand("status", "the nodes and their sessions");
  status_command->add_flag("--watch", watch, "again each second");

  std::string node;
  const auto needs_node = [&](CLI::App* command) {
    command->add_option("node", node, "n1, n2, …")->required();
    return command;
  };
  std::int64_t count = 1;
  CLI::App* add_command = app.add_subcommand("add", "start nodes and wait until they have joined");
  add_command->add_option("--count", count, "how many")->check(CLI::Range(1, 64));
  needs_node(app.add_subcommand("remove", "drain a node, then stop it"));
  needs_node(app.add_subcommand("start", "start a node that was killed or failed"));
  needs_node(app.add_subcommand("kill", "kill -9"));
  needs_node(app.add_subcommand("pause", "stop a node in place (SIGSTOP)"));
  needs_node(app.add_subcommand("resume", "let a paused node go on"));
  std::string other;
  needs_node(app.add_subcommand("cut", "no byte passes between two nodes (wants `up --gates`)"))
      ->add_option("other", other, "the other node")
      ->required();
  CLI::App* heal_command = app.add_subcommand("heal", "bytes pass again, between two nodes or all");
  CLI::Option* heal_node = heal_command->add_option("node", node, "n1, n2, …; none: all nodes");
  heal_command->add_option("other", other, "the other node");

  std::string to;
  std::string order = "surge";
  bool back = false;
  CLI::App* upgrade_command = app.add_subcommand("upgrade", "replace the nodes' build, one by one");
  CLI::Option* to_option = upgrade_command->add_option("--to", to, "path of a meerkatd, or next");
  upgrade_command->add_option("--order", order, "surge: one node more meanwhile; or in-place")
      ->check(CLI::IsMember({"surge", "in-place"}));
  upgrade_command->add_option("--node", node, "only this one");
  upgrade_command->add_flag("--back", back, "to the build before the last upgrade")
      ->excludes(to_option);

  bool follow = false;
  CLI::App* logs_command = app.add_subcommand("logs", "the nodes' logs, merged by time");
  logs_command->add_option("node", node, "only this one");
  logs_command->add_flag("--follow", follow, "what is written from now on");
  app.add_subcommand("mysql-stop", "a database outage");
  app.add_subcommand("mysql-start", "… and its end");
  app.add_subcommand("mysql-pause", "one that answers nothing (SIGSTOP)");
  app.add_subcommand("mysql-resume", "… and its end");
  app.add_subcommand("mysql", "a shell on the database")->prefix_command();
  app.add_subcommand("ctl", "meerkatctl with the addresses filled in")->prefix_command();
  app.add_subcommand("open", "the first node's admin page in a browser");
  app.add_subcommand("down", "stop all, keep the data; safe to repeat");
  app.add_subcommand("reset", "stop all and delete the data");
  for (CLI::App* command : app.get_subcommands({})) {
    if (!command->get_prefix_command()) command->fallthrough();
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_command_line;
  }
  invocation.json = output == "json";
  invocation.folder = (working_directory() / folder / invocation.name).lexically_normal();

  CLI::App* chosen = app.get_subcommands().front();
  const std::string verb = chosen->get_name();
  if (verb == "up") return run_up(invocation, up);
  if (verb == "logs") return show_logs(invocation, node, follow);
  if (verb == "mysql") return open_mysql(invocation, chosen->remaining());
  if (verb == "ctl") return run_meerkatctl(invocation, chosen->remaining());
  if (verb == "open") return open_page(invocation);
  if (verb == "down" || verb == "reset") return end_cluster(invocation, verb == "reset");
  if (verb == "status") return show_status(invocation, watch);
  if (verb == "upgrade" && to.empty() && !back) {
    std::fprintf(stderr, "cluster: upgrade to what?\ntry: cluster upgrade --to=next\n");
    return exit_command_line;
  }
  if (verb == "upgrade" && to != "next" && !back)
    to = (working_directory() / to).lexically_normal();
  if (verb == "heal" && heal_node->count() > 0 && other.empty()) {
    std::fprintf(stderr, "cluster: heal %s and which other?\ntry: cluster heal n1 n2\n",
                 node.c_str());
    return exit_command_line;
  }
  boost::json::object request{{"command", verb}, {"node", node}, {"other", other},
                              {"count", count},  {"to", to},     {"order", order},
                              {"back", back}};
  return run_command(invocation, request);
}
