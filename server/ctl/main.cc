#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "server/config/load.h"
#include "server/config/quantity.h"
#include "server/ctl/commands.h"
#include "server/ctl/copy_store.h"
#include "server/ctl/password.h"
#include "server/ctl/transfer_store.h"

namespace server::ctl {
namespace {

int fail(const std::string& message, const std::string& fix, ExitCode code) {
  std::cerr << "meerkatctl: " << message << "\n";
  if (!fix.empty()) std::cerr << "  fix: " << fix << "\n";
  return code;
}

/// What the command line holds; CLI11 fills it.
struct Arguments {
  std::vector<std::string> admin = {"127.0.0.1:5298"};
  std::string token_file = "meerkat-admin.token";
  std::string output = "text";
  std::string jid;
  std::string domain;
  std::string node = "self";
  PasswordSource password;
  Commands::Drain drain;
  bool has_no_wait = false;
  std::uint64_t after = 0;
  std::string condition;
  std::string timeout = "60s";
  std::string config_file = "meerkat.toml";
  StoreCopy copy;
  StoreTransfer transfer;
};

/// `meerkatctl store …`: asks no node.
int run_on_store(const CLI::App& store, const Arguments& arguments) {
  const Terminal terminal = {
      .out = std::cout, .err = std::cerr, .is_json = arguments.output == "json"};
  if (store.got_subcommand("export")) return export_store(arguments.transfer, terminal);
  if (store.got_subcommand("import")) return import_store(arguments.transfer, terminal);
  return copy_store(arguments.copy, terminal);
}

/// `meerkatctl check config`: the node's own check, here.
int check_config(const std::string& file) {
  const auto loaded = load_config({"--config=" + file, "--check-config"});
  if (loaded.has_error()) {
    std::cerr << render(loaded.error());
    return check_failed;
  }
  for (const std::string& warning : loaded->warnings) std::cerr << "warning: " << warning << "\n";
  std::cout << file << ": no errors\n";
  return done;
}

int run_on_nodes(const CLI::App& app, const Arguments& arguments) {
  const auto token = read_secret(arguments.token_file);
  if (token.has_error()) {
    return fail(token.error().message, "--token-file=FILE with the node's admin token",
                bad_command_line);
  }
  std::vector<Client> nodes;
  for (const std::string& admin : arguments.admin) {
    const auto endpoint = parse_endpoint(admin);
    if (endpoint.has_error()) {
      return fail("--admin: " + endpoint.error().message, "--admin=127.0.0.1:5298",
                  bad_command_line);
    }
    nodes.emplace_back(*endpoint, *token);
  }
  const bool is_json = arguments.output == "json";
  Commands commands(std::move(nodes), {.out = std::cout,
                                       .err = std::cerr,
                                       .is_json = is_json,
                                       .is_interactive = isatty(STDOUT_FILENO) == 1});
  if (app.got_subcommand("status")) return commands.status();
  if (app.got_subcommand("nodes")) return commands.nodes();
  if (app.got_subcommand("events")) return commands.events(arguments.after);
  if (app.got_subcommand("cordon")) return commands.cordon(arguments.node, true);
  if (app.got_subcommand("uncordon")) return commands.cordon(arguments.node, false);
  if (app.got_subcommand("drain")) {
    Commands::Drain drain = arguments.drain;
    drain.node = arguments.node;
    drain.follows = !arguments.has_no_wait;
    return commands.drain(drain);
  }
  if (app.got_subcommand("wait")) {
    const auto timeout = parse_duration(arguments.timeout);
    if (timeout.has_error()) {
      return fail("--timeout: " + timeout.error().message, timeout.error().fix, bad_command_line);
    }
    return commands.wait(arguments.condition, *timeout);
  }
  const CLI::App& user = *app.get_subcommand("user");
  if (user.got_subcommand("list")) return commands.list_users(arguments.domain);
  if (user.got_subcommand("remove")) return commands.remove_user(arguments.jid);
  const auto password = read_password(arguments.password);
  if (password.has_error()) {
    return fail(password.error().message, password.error().fix, bad_command_line);
  }
  if (user.got_subcommand("add")) return commands.add_user(arguments.jid, *password);
  return commands.set_password(arguments.jid, *password);
}

int run(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("meerkatctl: looks after Meerkat nodes");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "Exit status: 0 done or healthy, 1 refused or check failed, 2 unhealthy,\n"
      "3 timed out, 64 command line, 69 no node answered.");
  app.add_option("--admin", arguments.admin, "a node's admin address; may be repeated")
      ->envname("MEERKAT_ADMIN")
      ->delimiter(',')
      ->allow_extra_args(false)  // Or it would take the account that follows.
      ->capture_default_str();
  app.add_option("--token-file", arguments.token_file, "holds the admin API's token")
      ->envname("MEERKAT_TOKEN_FILE")
      ->capture_default_str();
  app.add_option("--output", arguments.output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();

  app.add_subcommand("status", "the cluster as its nodes see it");
  app.add_subcommand("nodes", "the table of nodes");
  CLI::App* events = app.add_subcommand("events", "what happened to a node lately");
  events->add_option("--after", arguments.after, "only events after this number");

  CLI::App* user = app.add_subcommand("user", "accounts");
  user->require_subcommand(1);
  user->fallthrough();
  for (const auto& [name, help] : {std::pair{"add", "makes an account"},
                                   {"passwd", "sets a new password"},
                                   {"remove", "removes an account and what is stored for it"}}) {
    CLI::App* command = user->add_subcommand(name, help);
    command->add_option("jid", arguments.jid, "juliet@example.org")->required();
    if (std::string_view(name) == "remove") continue;
    command->add_option("--password-file", arguments.password.file, "take it from a file");
    command->add_flag("--password-stdin", arguments.password.is_stdin, "take it from a pipe");
  }
  CLI::App* list = user->add_subcommand("list", "all accounts of a domain");
  list->add_option("--domain", arguments.domain, "default: the main one");

  for (const auto& [name, help] : {std::pair{"cordon", "takes no new sessions from now on"},
                                   {"uncordon", "takes new sessions again"}}) {
    app.add_subcommand(name, help)->add_option("node", arguments.node, "its name, or self");
  }
  CLI::App* drain = app.add_subcommand("drain", "moves a node's sessions away and stops it");
  drain->add_option("node", arguments.node, "its name, or self");
  drain->add_option("--rate", arguments.drain.rate, "sessions a second, as in 500/s");
  drain->add_option("--deadline", arguments.drain.deadline, "as in 60s");
  drain->add_flag("--no-wait", arguments.has_no_wait, "return once it has begun");

  CLI::App* wait = app.add_subcommand("wait", "returns once something is so");
  wait->add_option("--for", arguments.condition, "joined=N, ready or drained")->required();
  wait->add_option("--timeout", arguments.timeout, "as in 60s")->capture_default_str();

  CLI::App* check = app.add_subcommand("check", "looks for what is wrong");
  check->require_subcommand(1);
  CLI::App* config = check->add_subcommand("config", "a configuration file");
  config->add_option("--config", arguments.config_file, "the file")->capture_default_str();

  CLI::App* store = app.add_subcommand("store", "what is stored");
  store->require_subcommand(1);
  CLI::App* copy =
      store->add_subcommand("copy", "from SQLite to MySQL or back, with no node running");
  copy->add_option("--from", arguments.copy.from, "a configuration file: its storage")->required();
  copy->add_option("--to", arguments.copy.to, "another one: its storage, which is empty")
      ->required();
  copy->add_flag("--replace", arguments.copy.replaces, "empty it first");
  for (const auto& [name, help] :
       {std::pair{"export", "writes all accounts and what they keep as a file (XEP-0227)"},
        {"import", "reads such a file, of Meerkat, Prosody or ejabberd"}}) {
    CLI::App* transfer = store->add_subcommand(name, help);
    transfer->add_option("file", arguments.transfer.file, "the file; - for a pipe")->required();
    transfer->add_option("--config", arguments.transfer.config, "whose storage it is")
        ->capture_default_str();
    if (std::string_view(name) == "export") continue;
    transfer->add_flag("--replace", arguments.transfer.replaces,
                       "change accounts that are there, instead of leaving them as they are");
    transfer->add_flag("--strict", arguments.transfer.stops,
                       "stop at the first thing that cannot be taken");
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? done : bad_command_line;
  }
  if (app.got_subcommand("check")) return check_config(arguments.config_file);
  if (app.got_subcommand("store")) return run_on_store(*store, arguments);
  return run_on_nodes(app, arguments);
}

}  // namespace
}  // namespace server::ctl

int main(int argc, char** argv) { return server::ctl::run(argc, argv); }
