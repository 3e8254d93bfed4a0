#include "loadgen/commands.h"

#include <algorithm>
#include <atomic>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <random>
#include <utility>

#include "loadgen/conductor.h"
#include "loadgen/machine_check.h"
#include "loadgen/report.h"
#include "loadgen/self_test.h"

namespace loadgen {
namespace {

std::atomic<int> stops{0};

void on_interrupt(int) { ++stops; }

int fail(ExitCode code, const std::string& text) {
  std::cerr << text << "\n";
  return static_cast<int>(code);
}

std::string make_folder(const std::string& parent, const std::string& name) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char stamp[32];
  std::strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &utc);
  const std::string base = std::string(stamp) + "-" + name;
  std::error_code error;
  for (int i = 1;; ++i) {
    const std::string own = i == 1 ? base : base + "-" + std::to_string(i);
    std::filesystem::create_directories(parent, error);
    // Two runs in one second get a folder each.
    if (!std::filesystem::create_directory(parent + "/" + own, error)) {
      if (error || i > 100) return "";
      continue;
    }
    std::filesystem::remove(parent + "/latest", error);
    std::filesystem::create_directory_symlink(own, parent + "/latest", error);
    return parent + "/" + own;
  }
}

std::string random_run_name() {
  std::random_device device;
  char name[16];
  std::snprintf(name, sizeof(name), "m%08x", device());
  return name;
}

/// Makes the reports of the run in `folder` and tells them; `otherwise` is for when it cannot.
int tell_report(const std::string& folder, ExitCode otherwise, Output output) {
  const auto report = write_reports(folder);
  if (report.has_error()) return fail(otherwise, report.error().text);
  if (output == Output::json) {
    std::cout << boost::json::serialize(*report) << "\n";
  } else {
    std::cout << render_text(*report) << "report    " << folder << "/report.html\n";
  }
  return 0;
}

}  // namespace

int run_command(const RunFlags& flags, Output output, const std::string& command_line) {
  auto understood = understand(flags);
  if (const auto* refused = std::get_if<RefusedFlags>(&understood)) {
    return fail(refused->code, refused->text);
  }
  RunOptions options = std::get<RunOptions>(std::move(understood));
  const auto check = check_machine(
      {options.shard.accounts.size(), std::max<std::uint64_t>(options.targets.size(), 1),
       options.shard.client.sources.size(), options.shard.client.tls.mode != TlsMode::off});
  std::cerr << options.scenario.name << " " << check.summary << "\n";
  if (!check.faults.empty()) {
    std::string text;
    for (const auto& fault : check.faults) text += fault + "\n";
    return fail(ExitCode::command_line, text);
  }
  options.folder = make_folder(flags.folder, options.scenario.name);
  if (options.folder.empty()) {
    return fail(ExitCode::command_line, "cannot make a folder in " + flags.folder);
  }
  options.command_line = command_line;
  options.shard.run = random_run_name();
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  std::signal(SIGPIPE, SIG_IGN);
  const std::string folder = options.folder;
  ExitCode code = ExitCode::internal;
  {
    Conductor conductor(std::move(options), stops);
    const auto ended = conductor.run();
    if (ended.has_error()) return fail(ExitCode::unreachable, ended.error().text);
    code = *ended;
  }
  const int told = tell_report(folder, ExitCode::internal, output);
  return told == 0 ? static_cast<int>(code) : told;
}

int list_command(Output output) {
  boost::json::array all;
  for (const BuiltIn& one : built_in_scenarios()) {
    const auto scenario = parse_scenario(one.toml, one.name);
    if (scenario.has_error()) return fail(ExitCode::internal, scenario.error().text);
    if (output == Output::json) {
      all.push_back({{"name", one.name}, {"about", scenario->about}});
    } else {
      std::printf("%-10s %s\n", std::string(one.name).c_str(), scenario->about.c_str());
    }
  }
  if (output == Output::json) std::cout << boost::json::serialize(all) << "\n";
  return 0;
}

int show_command(const std::string& name) {
  for (const BuiltIn& one : built_in_scenarios()) {
    if (one.name != name) continue;
    std::cout << one.toml;
    return 0;
  }
  return fail(ExitCode::command_line,
              "there is no scenario `" + name + "`. Try: meerkat-load list");
}

int check_command(const std::string& file) {
  const auto scenario = load_scenario(file);
  if (scenario.has_error()) return fail(ExitCode::scenario_file, scenario.error().text);
  std::cout << file << ": good, " << scenario->phases.size() << " phases, "
            << grouped(scenario->sessions_max()) << " sessions at the peak\n";
  return 0;
}

int report_command(const std::string& folder, Output output) {
  return tell_report(folder, ExitCode::command_line, output);
}

int self_test_command(std::uint64_t seed, Output output) {
  bool passed = true;
  boost::json::array all;
  for (const SelfTestStep& step : self_test(seed)) {
    passed = passed && step.passed();
    all.push_back({{"spoilt_by", step.name},
                   {"fate", fate_name(step.expected)},
                   {"injected", step.injected},
                   {"found", step.found},
                   {"other_faults", step.others},
                   {"passed", step.passed()}});
    if (output != Output::json) {
      std::printf("%-17s %5llu spoilt, %5llu found %-12s %s\n", step.name.c_str(),
                  static_cast<unsigned long long>(step.injected),
                  static_cast<unsigned long long>(step.found),
                  step.injected == 0 ? "" : std::string(fate_name(step.expected)).c_str(),
                  step.passed() ? "caught" : "NOT CAUGHT");
    }
  }
  if (output == Output::json) std::cout << boost::json::serialize(all) << "\n";
  return passed ? 0 : static_cast<int>(ExitCode::wrong);
}

}  // namespace loadgen
