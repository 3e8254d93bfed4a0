#include "loadgen/run_flags.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "loadgen/cluster_file.h"
#include "loadgen/flag_reader.h"

namespace loadgen {
namespace {

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

void take_accounts(const RunFlags& flags, const std::string& prefix, const std::string& password,
                   std::uint64_t count, FlagReader& reader, RunOptions& options) {
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
      reader.fault("--accounts: " + flags.accounts + " holds fewer than two lines user,password");
    }
    return;
  }
  if (password.empty()) {
    reader.fault("no password: give --user-password-file=FILE, or --accounts=FILE.csv");
    return;
  }
  options.shard.accounts.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    options.shard.accounts.push_back({prefix + std::to_string(i), password});
  }
}

void take_cluster(const RunFlags& flags, FlagReader& reader, RunOptions& options,
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
    reader.fault(file.error().text);
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

/// The scenario, with what the flags put in the place of its own values.
Scenario scenario_of(const RunFlags& flags, Scenario scenario, FlagReader& reader) {
  reader.take("--sessions", flags.sessions, scenario.sessions, parse_count);
  reader.take("--login-rate", flags.login_rate, scenario.login_rate, parse_rate);
  reader.take("--rate", flags.rate, scenario.rate, parse_rate);
  reader.take("--duration", flags.duration, scenario.duration, parse_duration);
  reader.take("--warmup", flags.warmup, scenario.warmup, parse_duration);
  reader.take("--settle", flags.settle, scenario.settle, parse_duration);
  if (!flags.audit_archives.empty()) {
    reader.choose<bool>("--audit-archives", flags.audit_archives, scenario.audits_archives,
                        {{"on", true}, {"off", false}});
  }
  for (const auto& text : flags.thresholds) {
    const auto threshold = parse_threshold(text);
    if (threshold.has_error()) {
      reader.fault("--threshold: " + threshold.error().text);
    } else if (!threshold->phase.empty() && !scenario.find(threshold->phase)) {
      reader.fault("--threshold: " + scenario.name + " has no phase `" + threshold->phase + "`");
    } else {
      scenario.thresholds.push_back(*threshold);
    }
  }
  return scenario;
}

void take_client(const RunFlags& flags, FlagReader& reader, ClientSettings& client) {
  reader.choose<TlsMode>(
      "--tls", flags.tls, client.tls.mode,
      {{"starttls", TlsMode::starttls}, {"direct", TlsMode::direct}, {"off", TlsMode::off}});
  reader.choose<AuthChoice>("--auth", flags.auth, client.auth,
                            {{"best", AuthChoice::best},
                             {"scram-sha-256", AuthChoice::scram_sha_256},
                             {"scram-sha-1", AuthChoice::scram_sha_1},
                             {"plain", AuthChoice::plain}});
  reader.choose<LoginWay>(
      "--login", flags.login, client.login,
      {{"steps", LoginWay::steps}, {"inline", LoginWay::inlined}, {"token", LoginWay::token}});
  const std::vector<std::pair<std::string, bool>> switches = {{"on", true}, {"off", false}};
  reader.choose<bool>("--tls-verify", flags.tls_verify, client.tls.verify, switches);
  reader.choose<bool>("--stream-management", flags.stream_management, client.stream_management,
                      switches);
  reader.choose<bool>("--resend", flags.resend, client.resend, switches);
  reader.take("--backoff", flags.backoff, client.backoff, parse_duration_range);
  std::vector<std::string> sources;
  reader.take("--source-addresses", flags.source_addresses, sources, parse_addresses);
  for (const auto& address : sources) {
    const auto endpoint = resolve(address + ":0");
    if (endpoint.has_error()) {
      reader.fault("--source-addresses: " + endpoint.error().text);
    } else {
      client.sources.push_back(*endpoint);
    }
  }
  client.domain = flags.domain;
  client.tls.ca_file = flags.ca;
  client.register_accounts = flags.make_accounts;
}

void take_load(const RunFlags& flags, FlagReader& reader, RunOptions& options) {
  ShardOptions& shard = options.shard;
  reader.choose<Model>("--model", flags.model, shard.model,
                       {{"open", Model::open}, {"closed", Model::closed}});
  reader.choose<Arrivals>("--arrivals", flags.arrivals, shard.arrivals,
                          {{"even", Arrivals::even}, {"poisson", Arrivals::poisson}});
  reader.take("--body", flags.body, shard.body, parse_size_range);
  if (shard.body.high > 8192) reader.fault("--body: more than 8KiB a message");
  reader.choose<UiMode>(
      "--ui", flags.ui, options.ui,
      {{"auto", UiMode::automatic}, {"plain", UiMode::plain}, {"off", UiMode::off}});
  shard.seed = flags.seed;
  options.threads = std::max<std::size_t>(flags.threads, 1);
  options.abort_on_audit = flags.abort_on == "audit";
  options.targets = split(flags.targets, ',');
  for (const auto& pid : split(flags.server_pids, ',')) {
    options.server_pids.push_back(std::atoi(pid.c_str()));
  }
  options.commit = flags.commit;
}

}  // namespace

std::variant<RunOptions, RefusedFlags> understand(const RunFlags& flags) {
  auto scenario = load_scenario(flags.scenario);
  if (scenario.has_error()) {
    const bool is_in_file = scenario.error().text.find(": error: ") != std::string::npos;
    return RefusedFlags{is_in_file ? ExitCode::scenario_file : ExitCode::command_line,
                        scenario.error().text + "\n"};
  }
  FlagReader reader;
  RunOptions options;
  options.scenario = scenario_of(flags, std::move(*scenario), reader);
  take_client(flags, reader, options.shard.client);
  take_load(flags, reader, options);
  const auto needed = options.scenario.sessions_max();
  std::string prefix = flags.users_prefix;
  std::string password = flags.password;
  std::uint64_t accounts = needed;
  reader.take("--user-password-file", flags.password_file, password, read_line);
  if (options.targets.empty()) {
    take_cluster(flags, reader, options, prefix, password, accounts);
  } else if (options.scenario.acts_on_nodes()) {
    reader.fault(options.scenario.name + " acts on nodes: it needs --cluster and not --target");
  }
  if (reader.faults().empty()) {
    take_accounts(flags, prefix, password, std::min(accounts, needed), reader, options);
    const auto available = options.shard.accounts.size();
    if (available < needed) {
      reader.fault(grouped(needed) + " sessions are wanted at the peak, and there are " +
                   grouped(available) +
                   " accounts. Fix: fewer --sessions, or ./meerkat cluster up --accounts=" +
                   std::to_string(needed));
    }
  }
  if (!reader.faults().empty()) return RefusedFlags{ExitCode::command_line, reader.faults()};
  return options;
}

}  // namespace loadgen
