// What a run was worth: figures, thresholds, verdict, and the recording's lines about them.

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <thread>

#include "loadgen/conductor.h"

namespace loadgen {
namespace {

constexpr Micros lag_max{10'000};  // A generator later than this measures itself.
constexpr std::uint64_t samples_min = 100;

std::optional<double> value_of(const Histogram& histogram, std::string_view what) {
  if (what == "count") return static_cast<double>(histogram.count());
  if (histogram.count() == 0) return std::nullopt;
  if (what == "max") return in_seconds(histogram.max());
  if (what == "mean") return in_seconds(histogram.mean());
  if (what == "p50") return in_seconds(histogram.quantile(0.5));
  if (what == "p90") return in_seconds(histogram.quantile(0.9));
  if (what == "p99") return in_seconds(histogram.quantile(0.99));
  if (what == "p999") return in_seconds(histogram.quantile(0.999));
  return std::nullopt;
}

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  std::string line;
  while (std::getline(info, line)) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

/// FNV-1a over what makes two runs comparable.
std::string hash_of(const Scenario& scenario) {
  std::string text = scenario.name + std::to_string(scenario.sessions) +
                     std::to_string(scenario.rate) + std::to_string(scenario.login_rate);
  for (const Phase& phase : scenario.phases) {
    text += phase.name + std::to_string(phase.duration.value_or(scenario.duration).count());
    for (const Action& action : phase.actions) text += action_name(action.kind);
  }
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char letter : text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3ULL;
  }
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

std::string_view verdict_name(ExitCode code) {
  switch (code) {
    case ExitCode::pass:
      return "pass";
    case ExitCode::slow:
      return "slow";
    case ExitCode::wrong:
      return "wrong";
    case ExitCode::interrupted:
      return "interrupted";
    case ExitCode::unreachable:
      return "unreachable";
    default:
      return "inconclusive";
  }
}

}  // namespace

void Conductor::figure(const std::string& name, double value) { figures_[name] = value; }

void Conductor::phase_figures(PhaseRecord& phase) {
  if (phase.sessions > 0) {
    phase.figures["reconnects_per_client"] =
        static_cast<double>(phase.forced) / static_cast<double>(phase.sessions);
  }
  phase.figures["full_logins"] = static_cast<double>(phase.logins);
  phase.figures["resumed"] = static_cast<double>(phase.resumed);
  const double took = in_seconds(phase.ended - phase.began);
  if (!fleet_.knows_processes() || took <= 0) return;
  phase.figures["server_cpu_cores"] = phase.cpu_seconds / took;
  // Only where the ramp logs in and does not make the accounts too.
  if (phase.name == "ramp" && phase.logins >= samples_min &&
      !options_.shard.client.register_accounts) {
    figure("server_cpu_ms_per_login", phase.cpu_seconds / static_cast<double>(phase.logins) * 1e3);
  }
  if (phase.received >= samples_min) {
    const double cost = phase.cpu_seconds / static_cast<double>(phase.received);
    phase.figures["server_cpu_us_per_message"] = cost * 1e6;
    if (cost > 0) phase.figures["messages_per_core_s"] = 1 / cost;
  }
  const auto online = sampler_.last().online;
  const auto resident = fleet_.resident_bytes();
  // Only where nothing but sessions was added since the start.
  if (phase.name == "hold" && online > 0 && resident > baseline_bytes_) {
    phase.figures["server_bytes_per_session"] =
        static_cast<double>(resident - baseline_bytes_) / static_cast<double>(online);
  }
}

std::optional<double> Conductor::metric(const Threshold& threshold) {
  const auto dot = threshold.metric.find('.');
  if (threshold.phase.empty()) {
    if (dot != std::string::npos) {
      const auto* histogram = sampler_.whole().find(threshold.metric.substr(0, dot));
      return histogram == nullptr ? std::nullopt
                                  : value_of(*histogram, threshold.metric.substr(dot + 1));
    }
    const auto found = figures_.find(threshold.metric);
    return found == figures_.end() ? std::nullopt : std::optional(found->second);
  }
  for (const PhaseRecord& phase : phases_) {
    if (phase.name != threshold.phase) continue;
    if (dot != std::string::npos) {
      const auto* histogram = phase.measured.find(threshold.metric.substr(0, dot));
      if (histogram == nullptr) return std::nullopt;
      const auto value = value_of(*histogram, threshold.metric.substr(dot + 1));
      // Nobody was offline: the longest absence is none, and not unknown.
      if (!value && threshold.metric.starts_with("offline.")) return 0;
      return value;
    }
    const auto found = phase.figures.find(threshold.metric);
    if (found != phase.figures.end()) return found->second;
  }
  return std::nullopt;
}

ExitCode Conductor::judge_all(const std::vector<ThresholdResult>& results) {
  const Scenario& scenario = options_.scenario;
  if (unreachable_) return ExitCode::unreachable;
  if (sampler_.last().audit.wrong()) return ExitCode::wrong;
  if (stops_.load() > 0) return ExitCode::interrupted;
  if (sampler_.whole().lag.quantile(0.99) > lag_max) {
    reasons_.push_back("the generator was late: lag p99 " +
                       short_time(in_seconds(sampler_.whole().lag.quantile(0.99))) +
                       ", over 10 ms");
  }
  if (scenario.rate > 0 && sampler_.whole().delivery.count() < samples_min) {
    reasons_.push_back("only " + grouped(sampler_.whole().delivery.count()) +
                       " deliveries were measured");
  }
  if (sampler_.last().overflowed > 0) {
    reasons_.push_back(grouped(sampler_.last().overflowed) +
                       " due messages found their outbox full");
  }
  if (sampler_.last().waiting > 0) {
    reasons_.push_back(grouped(sampler_.last().waiting) +
                       " messages still wait in outboxes at the end");
  }
  if (!reasons_.empty()) return ExitCode::inconclusive;
  const bool all = std::all_of(results.begin(), results.end(),
                               [](const ThresholdResult& result) { return result.passed; });
  return all ? ExitCode::pass : ExitCode::slow;
}

ExitCode Conductor::conclude() {
  shards_.conclude();
  sample();
  std::uint64_t forced = 0;
  for (const PhaseRecord& phase : phases_) forced += phase.forced;
  figure("resumed", static_cast<double>(sampler_.last().resumed));
  if (sessions_ > 0) {
    figure("reconnects_per_client",
           static_cast<double>(forced) / static_cast<double>(options_.scenario.sessions));
  }
  if (sampler_.whole().offline.count() > 0) {
    figure("longest_silence_s", in_seconds(sampler_.whole().offline.max()));
  }
  if (sampler_.whole().ack.count() > 0) {
    figure("longest_ack_s", in_seconds(sampler_.whole().ack.max()));
  }
  for (const PhaseRecord& phase : phases_) {
    // Ramp, warm-up and settling stand in the table of phases; the scenario's own are its figures.
    if (options_.scenario.find(phase.name) == nullptr) continue;
    for (const auto& [name, value] : phase.figures) {
      if (name.starts_with("server_") || name.starts_with("messages_per")) {
        figures_[name + "@" + phase.name] = value;
      }
    }
  }
  std::vector<ThresholdResult> results;
  for (const Threshold& threshold : options_.scenario.thresholds) {
    results.push_back(judge(threshold, metric(threshold)));
  }
  const ExitCode code = judge_all(results);
  event("verdict " + std::string(verdict_name(code)));
  view_.end();
  record_end(code, results);
  return code;
}

boost::json::object Conductor::run_line() const {
  const Scenario& scenario = options_.scenario;
  boost::json::array targets;
  for (const NodeStatus& node : fleet_.nodes()) targets.emplace_back(node.name);
  const ClientSettings& client = options_.shard.client;
  return {{"kind", "run"},
          {"scenario", scenario.name},
          {"about", scenario.about},
          {"scenario_hash", hash_of(scenario)},
          {"run_id", options_.shard.run},
          {"seed", options_.shard.seed},
          {"command", options_.command_line},
          {"commit", options_.commit},
          {"started_at", static_cast<std::int64_t>(time(nullptr))},
          {"machine", {{"cpu", processor()}, {"cores", std::thread::hardware_concurrency()}}},
          {"sessions", scenario.sessions},
          {"rate", scenario.rate},
          {"login_rate", scenario.login_rate},
          {"model", options_.shard.model == Model::open ? "open" : "closed"},
          {"tls", client.tls.mode == TlsMode::off        ? "off"
                  : client.tls.mode == TlsMode::starttls ? "starttls"
                                                         : "direct"},
          {"tls_verified", client.tls.mode != TlsMode::off && client.tls.verify},
          {"stream_management", client.stream_management},
          {"threads", options_.threads},
          {"targets", std::move(targets)}};
}

boost::json::object Conductor::phase_line(const PhaseRecord& phase) const {
  boost::json::object figures;
  for (const auto& [name, value] : phase.figures) figures[name] = value;
  return {{"kind", "phase"},
          {"name", phase.name},
          {"began_s", in_seconds(phase.began)},
          {"ended_s", in_seconds(phase.ended)},
          {"offered", phase.offered},
          {"received", phase.received},
          {"logins", phase.logins},
          {"resumed", phase.resumed},
          {"failed_logins", phase.failed_logins},
          {"streams_lost", phase.forced},
          {"sessions", phase.sessions},
          {"server_cpu_s", phase.cpu_seconds},
          {"figures", std::move(figures)},
          {"histograms",
           {{"delivery", to_json(phase.measured.delivery)},
            {"within", to_json(phase.measured.within)},
            {"across", to_json(phase.measured.across)},
            {"login", to_json(phase.measured.login)},
            {"resume", to_json(phase.measured.resume)},
            {"offline", to_json(phase.measured.offline)},
            {"lag", to_json(phase.measured.lag)},
            {"ack", to_json(phase.measured.ack)}}}};
}

void Conductor::record_end(ExitCode code, const std::vector<ThresholdResult>& results) {
  boost::json::array thresholds;
  for (const ThresholdResult& result : results) {
    boost::json::object one{{"text", result.text}, {"passed", result.passed}};
    if (result.value) {
      one["value_s"] = *result.value;
    } else {
      one["value_s"] = nullptr;
    }
    thresholds.push_back(std::move(one));
  }
  const AuditCounts& counts = sampler_.last().audit;
  boost::json::object audit{{"sent", counts.sent},
                            {"resent", counts.resent},
                            {"acknowledged", counts.acked},
                            {"foreign", counts.foreign}};
  for (std::size_t i = 0; i < fate_count; ++i) {
    audit[fate_name(static_cast<Fate>(i))] = counts.fates[i];
  }
  boost::json::array offenders;
  for (const Offender& one : shards_.offenders()) {
    offenders.push_back({{"fate", fate_name(one.fate)},
                         {"id", one.id},
                         {"from", one.from},
                         {"to", one.to},
                         {"node", one.node},
                         {"at_s", in_seconds(one.at)}});
    if (offenders.size() == 200) break;
  }
  audit["offenders"] = std::move(offenders);
  boost::json::object figures;
  for (const auto& [name, value] : figures_) figures[name] = value;
  boost::json::object endings;
  for (const auto& [reason, count] : sampler_.last().reasons) endings[reason] = count;
  boost::json::array reasons;
  for (const auto& reason : reasons_) reasons.emplace_back(reason);
  recording_.add({{"kind", "end"},
                  {"verdict", verdict_name(code)},
                  {"exit_code", static_cast<int>(code)},
                  {"reasons", std::move(reasons)},
                  {"thresholds", std::move(thresholds)},
                  {"audit", std::move(audit)},
                  {"figures", std::move(figures)},
                  {"stream_endings", std::move(endings)},
                  {"overflowed", sampler_.last().overflowed},
                  {"held", sampler_.last().held},
                  {"generator",
                   {{"lag_p99_s", in_seconds(sampler_.whole().lag.quantile(0.99))},
                    {"lag_max_s", in_seconds(sampler_.whole().lag.max())},
                    {"cpu_ratio_max", state_.generator_cpu_max}}}});
}

}  // namespace loadgen
