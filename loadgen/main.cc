#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "loadgen/commands.h"

namespace loadgen {
namespace {

int main_command(int argc, char** argv) {
  RunFlags flags;
  std::string format = "text";
  CLI::App app("Plays many clients against any XMPP server, measures, and audits what arrived");
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--output", format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  CLI::App* run = app.add_subcommand("run", "run a scenario");
  add_run_flags(*run, flags);
  CLI::App* list = app.add_subcommand("list", "built-in scenarios");
  CLI::App* show = app.add_subcommand("show", "one of them as TOML, to start from");
  CLI::App* check = app.add_subcommand("check", "validate a scenario file without a server");
  CLI::App* report = app.add_subcommand("report", "render a run's reports again");
  CLI::App* self = app.add_subcommand("self-test", "spoil stanzas on purpose; is it caught?");
  show->add_option("name", flags.scenario, "its name")->required();
  check->add_option("file", flags.scenario, "TOML file")->required();
  report->add_option("folder", flags.folder, "of the run, such as runs/latest")->required();
  self->add_option("--seed", flags.seed, "of what is spoilt")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::command_line);
  }
  std::string command_line = "meerkat-load";
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    // A password does not belong in a report that is passed around.
    const bool secret = word.starts_with("--user-password=");
    command_line += " " + (secret ? "--user-password=***" : word);
  }
  const Output output = format == "json" ? Output::json : Output::text;
  if (run->parsed()) return run_command(flags, output, command_line);
  if (list->parsed()) return list_command(output);
  if (show->parsed()) return show_command(flags.scenario);
  if (check->parsed()) return check_command(flags.scenario);
  if (report->parsed()) return report_command(flags.folder, output);
  return self_test_command(flags.seed, output);
}

}  // namespace
}  // namespace loadgen

int main(int argc, char** argv) {
  try {
    return loadgen::main_command(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "meerkat-load: " << error.what() << "\n";
    return static_cast<int>(loadgen::ExitCode::internal);
  }
}
