#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>

#include "loadgen/conductor.h"
#include "loadgen/machine_check.h"
#include "loadgen/report.h"
#include "loadgen/self_test.h"

namespace loadgen {
namespace {

std::atomic<int> stops{0};

void on_interrupt(int) { ++stops; }

/// What was typed, before it is understood.
struct Flags {
  std::string scenario;
  std::string targets;
  std::string domain = "localhost";
  std::string cluster;
  std::string cluster_file;
  std::string cluster_command;
  std::string folder = "runs";
  std::string sessions, login_rate, rate, duration, warmup, settle;
  std::string model = "open", arrivals = "even";
  std::string tls = "starttls", tls_verify = "on", ca, auth = "best";
  std::string stream_management = "on", resend = "on";
  std::string backoff = "100ms..10s", body = "100..300";
  std::string users_prefix = "load", password, password_file, accounts;
  std::string source_addresses, server_pids, ui = "auto", output = "text", abort_on, commit;
  std::vector<std::string> thresholds;
  std::uint64_t seed = 7;
  std::size_t threads = 1;
  bool make_accounts = false;
};

int fail(ExitCode code, const std::string& text) {
  std::cerr << text << "\n";
  return static_cast<int>(code);
}

/// Gathers what is wrong with the flags: all of it is told at once.
class Understanding {
 public:
  template <class T, class Parse>
  void take(const char* flag, const std::string& text, T& target, Parse parse) {
    if (text.empty()) return;
    const auto value = parse(text);
    if (value.has_error()) {
      faults_ += std::string(flag) + ": " + value.error().text + "\n";
    } else {
      target = *value;
    }
  }
  template <class T>
  void choose(const char* flag, const std::string& text, T& target,
              const std::vector<std::pair<std::string, T>>& choices) {
    std::string names;
    for (const auto& [name, value] : choices) {
      if (name == text) {
        target = value;
        return;
      }
      names += (names.empty() ? "" : ", ") + name;
    }
    faults_ += std::string(flag) + ": `" + text + "` is none of " + names + "\n";
  }
  void fault(const std::string& text) { faults_ += text + "\n"; }
  [[nodiscard]] const std::string& faults() const { return faults_; }

 private:
  std::string faults_;
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  std::string part;
  while (std::getline(stream, part, separator)) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

Result<std::string> read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return Fault{"cannot read a line from " + path};
  return Result<std::string>(boost::system::in_place_value, line);
}

std::string default_cluster_program() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto beside = self.parent_path().parent_path() / "tools" / "cluster" / "cluster";
  return !error && std::filesystem::exists(beside, error) ? beside.string() : "cluster";
}

void take_accounts(const Flags& flags, const std::string& prefix, const std::string& password,
                   std::uint64_t count, Understanding& wanted, RunOptions& options) {
  if (!flags.accounts.empty()) {
    std::ifstream file(flags.accounts);
    std::string line;
    while (std::getline(file, line)) {
      const auto comma = line.find(',');
      if (comma != std::string::npos && comma > 0) {
        options.shard.accounts.push_back({line.substr(0, comma), line.substr(comma + 1)});
      }
    }
    if (options.shard.accounts.size() < 2) {
      wanted.fault("--accounts: " + flags.accounts + " holds fewer than two lines user,password");
    }
    return;
  }
  if (password.empty()) {
    wanted.fault("no password: give --user-password-file=FILE, or --accounts=FILE.csv");
    return;
  }
  options.shard.accounts.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    options.shard.accounts.push_back({prefix + std::to_string(i), password});
  }
}

/// The most sessions that any phase asks for.
std::uint64_t most_sessions(const Scenario& scenario) {
  auto most = static_cast<double>(scenario.sessions);
  for (const Phase& phase : scenario.phases) {
    const auto whole = static_cast<double>(scenario.sessions);
    if (phase.sessions) most = std::max(most, phase.sessions->of(whole));
    for (const Action& action : phase.actions) {
      if (action.kind == Action::Kind::set_sessions) most = std::max(most, action.amount.of(whole));
    }
  }
  return static_cast<std::uint64_t>(most + 1) / 2 * 2;
}

void take_cluster(const Flags& flags, Understanding& wanted, RunOptions& options,
                  std::string& prefix, std::string& password, std::uint64_t& accounts) {
  const std::string name = flags.cluster.empty() ? "default" : flags.cluster;
  options.cluster_file =
      flags.cluster_file.empty() ? ".meerkat/" + name + "/cluster.json" : flags.cluster_file;
  options.cluster_command =
      flags.cluster_command.empty()
          ? std::vector<std::string>{default_cluster_program(), "--name=" + name}
          : split(flags.cluster_command, ' ');
  const auto file = read_cluster_file(options.cluster_file);
  if (file.has_error()) {
    wanted.fault(file.error().text);
    return;
  }
  options.shard.client.domain = file->domain;
  if (flags.ca.empty()) options.shard.client.tls.ca_file = file->ca;
  if (!file->accounts_password.empty()) {
    prefix = file->accounts_prefix;
    password = file->accounts_password;
    accounts = file->accounts_count;
  }
}

RunOptions understand(const Flags& flags, Understanding& wanted) {
  RunOptions options;
  auto scenario = load_scenario(flags.scenario);
  if (scenario.has_error()) {
    wanted.fault(scenario.error().text);
    return options;
  }
  options.scenario = std::move(*scenario);
  Scenario& played = options.scenario;
  wanted.take("--sessions", flags.sessions, played.sessions, parse_count);
  wanted.take("--login-rate", flags.login_rate, played.login_rate, parse_rate);
  wanted.take("--rate", flags.rate, played.rate, parse_rate);
  wanted.take("--duration", flags.duration, played.duration, parse_duration);
  wanted.take("--warmup", flags.warmup, played.warmup, parse_duration);
  wanted.take("--settle", flags.settle, played.settle, parse_duration);
  for (const auto& text : flags.thresholds) {
    const auto threshold = parse_threshold(text);
    if (threshold.has_error()) {
      wanted.fault("--threshold: " + threshold.error().text);
    } else if (!threshold->phase.empty() && !played.find(threshold->phase)) {
      wanted.fault("--threshold: " + played.name + " has no phase `" + threshold->phase + "`");
    } else {
      played.thresholds.push_back(*threshold);
    }
  }
  ShardOptions& shard = options.shard;
  ClientSettings& client = shard.client;
  wanted.choose<Model>("--model", flags.model, shard.model,
                       {{"open", Model::open}, {"closed", Model::closed}});
  wanted.choose<Arrivals>("--arrivals", flags.arrivals, shard.arrivals,
                          {{"even", Arrivals::even}, {"poisson", Arrivals::poisson}});
  wanted.choose<TlsMode>(
      "--tls", flags.tls, client.tls.mode,
      {{"starttls", TlsMode::starttls}, {"direct", TlsMode::direct}, {"off", TlsMode::off}});
  wanted.choose<AuthChoice>("--auth", flags.auth, client.auth,
                            {{"best", AuthChoice::best},
                             {"scram-sha-256", AuthChoice::scram_sha_256},
                             {"scram-sha-1", AuthChoice::scram_sha_1},
                             {"plain", AuthChoice::plain}});
  const std::vector<std::pair<std::string, bool>> switches = {{"on", true}, {"off", false}};
  wanted.choose<bool>("--tls-verify", flags.tls_verify, client.tls.verify, switches);
  wanted.choose<bool>("--stream-management", flags.stream_management, client.stream_management,
                      switches);
  wanted.choose<bool>("--resend", flags.resend, client.resend, switches);
  wanted.choose<UiMode>(
      "--ui", flags.ui, options.ui,
      {{"auto", UiMode::automatic}, {"plain", UiMode::plain}, {"off", UiMode::off}});
  wanted.take("--backoff", flags.backoff, client.backoff, parse_duration_range);
  wanted.take("--body", flags.body, shard.body, parse_size_range);
  if (shard.body.high > 8192) wanted.fault("--body: more than 8KiB a message");
  std::vector<std::string> sources;
  wanted.take("--source-addresses", flags.source_addresses, sources, parse_addresses);
  for (const auto& address : sources) {
    const auto endpoint = resolve(address + ":0");
    if (endpoint.has_error()) {
      wanted.fault("--source-addresses: " + endpoint.error().text);
    } else {
      client.sources.push_back(*endpoint);
    }
  }
  for (const auto& pid : split(flags.server_pids, ','))
    options.server_pids.push_back(std::atoi(pid.c_str()));
  client.domain = flags.domain;
  client.tls.ca_file = flags.ca;
  client.register_accounts = flags.make_accounts;
  shard.seed = flags.seed;
  options.threads = std::max<std::size_t>(flags.threads, 1);
  options.abort_on_audit = flags.abort_on == "audit";
  options.targets = split(flags.targets, ',');
  options.commit = flags.commit;
  const auto needed = most_sessions(played);
  std::string prefix = flags.users_prefix;
  std::string password = flags.password;
  std::uint64_t accounts = needed;
  wanted.take("--user-password-file", flags.password_file, password, read_line);
  if (options.targets.empty()) {
    take_cluster(flags, wanted, options, prefix, password, accounts);
  } else if (played.acts_on_nodes()) {
    wanted.fault(played.name + " acts on nodes: it needs --cluster and not --target");
  }
  if (!wanted.faults().empty()) return options;
  take_accounts(flags, prefix, password, std::min(accounts, needed), wanted, options);
  if (options.shard.accounts.size() < needed) {
    wanted.fault(grouped(needed) + " sessions are wanted at the peak, and there are " +
                 grouped(options.shard.accounts.size()) +
                 " accounts. Fix: fewer --sessions, or ./meerkat cluster up --accounts=" +
                 std::to_string(needed));
  }
  return options;
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

int run_command(const Flags& flags, const std::string& command_line) {
  Understanding wanted;
  RunOptions options = understand(flags, wanted);
  if (!wanted.faults().empty()) {
    const bool in_file = wanted.faults().find(": error: ") != std::string::npos;
    return fail(in_file ? ExitCode::scenario_file : ExitCode::command_line, wanted.faults());
  }
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
  const auto report = write_reports(folder);
  if (report.has_error()) return fail(ExitCode::internal, report.error().text);
  if (flags.output == "json") {
    std::cout << boost::json::serialize(*report) << "\n";
  } else {
    std::cout << render_text(*report) << "report    " << folder << "/report.html\n";
  }
  return static_cast<int>(code);
}

int list_command(const std::string& output) {
  boost::json::array all;
  for (const BuiltIn& one : built_in_scenarios()) {
    const auto scenario = parse_scenario(one.toml, one.name);
    if (scenario.has_error()) return fail(ExitCode::internal, scenario.error().text);
    if (output == "json") {
      all.push_back({{"name", one.name}, {"about", scenario->about}});
    } else {
      std::printf("%-10s %s\n", std::string(one.name).c_str(), scenario->about.c_str());
    }
  }
  if (output == "json") std::cout << boost::json::serialize(all) << "\n";
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
            << grouped(most_sessions(*scenario)) << " sessions at the peak\n";
  return 0;
}

int report_command(const std::string& folder, const std::string& output) {
  const auto report = write_reports(folder);
  if (report.has_error()) return fail(ExitCode::command_line, report.error().text);
  if (output == "json") {
    std::cout << boost::json::serialize(*report) << "\n";
  } else {
    std::cout << render_text(*report) << "report    " << folder << "/report.html\n";
  }
  return 0;
}

int self_test_command(std::uint64_t seed, const std::string& output) {
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
    if (output != "json") {
      std::printf("%-17s %5llu spoilt, %5llu found %-12s %s\n", step.name.c_str(),
                  static_cast<unsigned long long>(step.injected),
                  static_cast<unsigned long long>(step.found),
                  step.injected == 0 ? "" : std::string(fate_name(step.expected)).c_str(),
                  step.passed() ? "caught" : "NOT CAUGHT");
    }
  }
  if (output == "json") std::cout << boost::json::serialize(all) << "\n";
  return passed ? 0 : static_cast<int>(ExitCode::wrong);
}

void add_run_options(CLI::App& run, Flags& flags) {
  const auto add = [&](const char* name, std::string& target, const char* about) {
    return run.add_option(name, target, about)->capture_default_str();
  };
  run.add_option("scenario", flags.scenario, "built-in name or TOML file")->required();
  add("--target", flags.targets, "HOST:PORT,… to log in to");
  run.add_option("--cluster", flags.cluster, "the local cluster of this name (default)")
      ->expected(0, 1)
      ->default_str("default");
  add("--cluster-file", flags.cluster_file, "its cluster.json, if it is elsewhere");
  add("--cluster-command", flags.cluster_command, "its supervisor's program and first words");
  add("--domain", flags.domain, "what the users' JIDs end in");
  add("--sessions", flags.sessions, "how many users; 10k");
  add("--login-rate", flags.login_rate, "logins a second; 500/s");
  add("--rate", flags.rate, "messages a second in all; 2k/s");
  add("--duration", flags.duration, "of each phase that states none; 5m");
  add("--warmup", flags.warmup, "of the load before the first phase; 30s");
  add("--settle", flags.settle, "at most, for what is on its way at the end; 30s");
  add("--model", flags.model, "open: due by the clock; closed: by the last answer");
  add("--arrivals", flags.arrivals, "even or poisson");
  run.add_option("--seed", flags.seed, "of everything random")->capture_default_str();
  run.add_option("--threads", flags.threads, "event loops")->capture_default_str();
  add("--tls", flags.tls, "starttls, direct or off");
  add("--tls-verify", flags.tls_verify, "off only for a self-signed certificate");
  add("--ca", flags.ca, "PEM file of the authority; default: the system's, or the cluster's");
  add("--auth", flags.auth, "best, scram-sha-256, scram-sha-1 or plain");
  add("--stream-management", flags.stream_management, "XEP-0198 acknowledgements");
  add("--resend", flags.resend, "send again what was not acknowledged when a stream died");
  add("--backoff", flags.backoff, "wait before a reconnect, doubled and jittered");
  add("--body", flags.body, "bytes of a message's body; 100..1KiB");
  add("--users-prefix", flags.users_prefix, "users are PREFIX0, PREFIX1, …");
  add("--user-password", flags.password, "of them all; visible to others on this machine");
  add("--user-password-file", flags.password_file, "its first line is the password of them all");
  add("--accounts", flags.accounts, "CSV file with lines user,password");
  run.add_flag("--register", flags.make_accounts, "make the accounts in band (XEP-0077)");
  run.add_option("--threshold", flags.thresholds, "such as 'delivery.p99@steady < 200ms'");
  add("--abort-on", flags.abort_on, "audit: stop at the first wrong stanza");
  add("--source-addresses", flags.source_addresses, "such as 127.0.1.1-8");
  add("--server-pids", flags.server_pids, "PID,… of the targets, for CPU and memory");
  add("--folder", flags.folder, "where runs are kept");
  add("--ui", flags.ui, "auto, plain or off");
  add("--commit", flags.commit, "what was built, for the report");
}

int main_command(int argc, char** argv) {
  Flags flags;
  CLI::App app("Plays many clients against any XMPP server, measures, and audits what arrived");
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--output", flags.output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  CLI::App* run = app.add_subcommand("run", "run a scenario");
  add_run_options(*run, flags);
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
  if (run->parsed()) return run_command(flags, command_line);
  if (list->parsed()) return list_command(flags.output);
  if (show->parsed()) return show_command(flags.scenario);
  if (check->parsed()) return check_command(flags.scenario);
  if (report->parsed()) return report_command(flags.folder, flags.output);
  return self_test_command(flags.seed, flags.output);
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
