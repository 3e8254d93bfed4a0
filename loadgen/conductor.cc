#include "loadgen/conductor.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace loadgen {
namespace {

constexpr Micros tick{50'000};
constexpr Micros second{1'000'000};
constexpr std::size_t events_kept = 50;

double cpu_of_this_process() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double in_seconds(Micros value) { return static_cast<double>(value.count()) / 1e6; }

}  // namespace

Conductor::Conductor(RunOptions options, const std::atomic<int>& stops)
    : options_(std::move(options)),
      stops_(stops),
      fleet_(poller_, targets_, options_.shard.client.tls.mode),
      view_(poller_, *this) {}

Conductor::~Conductor() {
  for (auto& shard : shards_) shard->stop();
}

Micros Conductor::now() const {
  return std::chrono::duration_cast<Micros>(std::chrono::steady_clock::now() - zero_);
}

Result<ExitCode> Conductor::run() {
  if (auto begun = begin(); begun.has_error()) return begun.error();
  ramp();
  if (!is_cut_short()) {
    const Scenario& scenario = options_.scenario;
    if (scenario.warmup.count() > 0) {
      Phase warm;
      warm.name = "warm-up";
      warm.duration = scenario.warmup;
      play(warm);
    }
    for (const Phase& phase : scenario.phases) {
      if (is_cut_short()) break;
      play(phase);
    }
  }
  settle();
  return conclude();
}

Result<void> Conductor::begin() {
  const Scenario& scenario = options_.scenario;
  const auto reached = options_.cluster_file.empty()
                           ? fleet_.use_targets(options_.targets, options_.server_pids)
                           : fleet_.use_cluster(options_.cluster_file);
  if (reached.has_error()) return reached.error();
  if (auto opened = recording_.open(options_.folder + "/recording.jsonl"); opened.has_error()) {
    return opened.error();
  }
  zero_ = std::chrono::steady_clock::now();
  fleet_.sample(0);
  baseline_bytes_ = fleet_.resident_bytes();
  for (std::size_t i = 0; i < options_.threads; ++i) {
    ShardOptions shard = options_.shard;
    shard.shard = i;
    shard.shards = options_.threads;
    shards_.push_back(std::make_unique<Shard>(std::move(shard), targets_));
    if (auto started = shards_.back()->start(zero_); started.has_error()) return started.error();
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  state_.open_files_max = files.rlim_cur;
  state_.scenario = scenario.name;
  state_.seed = options_.shard.seed;
  state_.phase_count = scenario.phases.size() + 2 + (scenario.warmup.count() > 0 ? 1 : 0);
  state_.expected = scenario.warmup + scenario.settle / 10 +
                    Micros(static_cast<std::int64_t>(1e6 * static_cast<double>(scenario.sessions) /
                                                     scenario.login_rate));
  for (const Phase& phase : scenario.phases) {
    state_.expected += phase.duration.value_or(scenario.duration);
  }
  recording_.add(run_line());
  generator_cpu_last_ = cpu_of_this_process();
  view_.begin(options_.ui);
  return {};
}

void Conductor::ramp() {
  const Scenario& scenario = options_.scenario;
  begin_phase("ramp");
  set_sessions(static_cast<double>(scenario.sessions));
  // Three times what the pace needs, and a minute for slow hashing: then it is not reached.
  const auto limit = Micros(static_cast<std::int64_t>(
      3e6 * static_cast<double>(scenario.sessions) / scenario.login_rate + 60e6));
  const auto hopeless = options_.shard.client.login_limit + second;
  while (!is_cut_short() && !skip_phase_) {
    turn();
    const Snapshot total = total_counters();
    if (total.online >= sessions_) break;
    if (total.logins == 0 && total.failed_logins > 0 && now() > std::min(hopeless, 10 * second)) {
      unreachable_ = true;
    }
    if (now() > limit) {
      reasons_.push_back("only " + grouped(total.online) + " of " + grouped(sessions_) +
                         " sessions came up");
      break;
    }
  }
  const double took = in_seconds(now() - current_.began);
  const Snapshot total = total_counters();
  figure("logins_per_s", took > 0 ? static_cast<double>(total.logins) / took : 0);
  figure("ramp_s", took);
  end_phase();
  set_rate(scenario.rate);
}

void Conductor::play(const Phase& phase) {
  const Scenario& scenario = options_.scenario;
  begin_phase(phase.name);
  if (phase.rate) set_rate(phase.rate->of(scenario.rate));
  if (phase.sessions) set_sessions(phase.sessions->of(static_cast<double>(scenario.sessions)));
  set_churn(phase.churn.of(static_cast<double>(sessions_)));
  const Micros wanted = phase.duration.value_or(scenario.duration);
  std::size_t next_action = 0;
  std::optional<Micros> wait_until;
  while (!is_cut_short()) {
    turn();
    const auto at = now();
    if (running_action_) {
      const ActionRecord& action = actions_[*running_action_];
      if (at - action.began > phase.action_limit) {
        child_.reset();
        finish_action("not done within its limit");
        reasons_.push_back("action " + action.kind + " was not done in time");
      }
      continue;
    }
    if (wait_until && at < *wait_until) continue;
    if (next_action < phase.actions.size()) {
      const Action& action = phase.actions[next_action++];
      if (action.kind == Action::Kind::wait) {
        wait_until = at + action.wait;
      } else {
        start_action(action);
      }
      continue;
    }
    // Sessions that were asked for belong to the phase that asked.
    const Snapshot total = total_counters();
    const bool reached = total.wanted == sessions_;
    if (skip_phase_ || (at - current_.began >= wanted && reached)) break;
    if (at - current_.began > wanted + phase.action_limit) {
      reasons_.push_back("phase " + phase.name + " did not reach its sessions");
      break;
    }
  }
  set_churn(0);
  end_phase();
}

void Conductor::settle() {
  begin_phase("settle");
  state_.rate = 0;
  for (auto& shard : shards_) shard->finish_sending();
  auto limit = options_.scenario.settle;
  if (is_cut_short()) limit = std::min(limit, 5 * second);
  const bool messages = options_.scenario.rate > 0;
  // At least a moment, so that late doubles are seen; then until nothing is open.
  const auto least = std::min(limit, messages ? 3 * second : second);
  while (now() - current_.began < limit) {
    turn();
    if (stops_.load() > 1) break;  // Asked a second time to hurry.
    const Snapshot total = total_counters();
    const bool quiet = total.audit.open() + total.waiting == 0 && total.online >= total.wanted;
    if (now() - current_.began >= least && quiet) break;
  }
  end_phase();
}

void Conductor::begin_phase(const std::string& name) {
  skip_phase_ = false;
  ++state_.phase_number;
  state_.phase = name;
  sample();
  current_ = PhaseRecord();
  current_.name = name;
  current_.began = now();
  phase_start_ = last_;
  phase_start_cpu_ = fleet_.cpu_seconds();
  event("phase " + name);
}

void Conductor::end_phase() {
  sample();
  current_.ended = now();
  current_.offered = last_.offered - phase_start_.offered;
  current_.received = last_.received - phase_start_.received;
  current_.logins = last_.logins - phase_start_.logins;
  current_.failed_logins = last_.failed_logins - phase_start_.failed_logins;
  current_.forced = last_.forced - phase_start_.forced;
  current_.sessions = sessions_;
  current_.cpu_seconds = fleet_.cpu_seconds() - phase_start_cpu_;
  phase_figures(current_);
  state_.phase_p99_ms.push_back(in_seconds(current_.measured.delivery.quantile(0.99)) * 1e3);
  recording_.add(phase_line(current_));
  phases_.push_back(std::move(current_));
  current_ = PhaseRecord();
}

void Conductor::turn() {
  poller_.turn(tick);
  ended_children_.clear();
  const auto at = now();
  if (at - followed_at_ >= 2 * tick) {
    followed_at_ = at;
    if (fleet_.follow()) watch_nodes();
  }
  if (at - sampled_at_ >= second) sample();
}

Snapshot Conductor::total_counters() {
  // Histograms taken on the way belong to the running second.
  Snapshot total;
  for (auto& shard : shards_) total.add(shard->take());
  recent_.resize(std::max<std::size_t>(recent_.size(), 1));
  recent_.front().add_histograms(total);
  return total;
}

void Conductor::sample() {
  const auto at = now();
  const double elapsed = in_seconds(at - sampled_at_);
  Snapshot counters = total_counters();
  Snapshot measured = recent_.front();
  current_.measured.add(measured);
  whole_.add(measured);
  if (elapsed >= 0.5) {
    sampled_at_ = at;
    fleet_.sample(elapsed);
    record_sample(counters, elapsed);
    recent_.push_front(Snapshot());
    if (recent_.size() > 11) recent_.pop_back();
  } else {
    // A phase ended just after a sample: its values are counted, and the second goes on.
    recent_.front() = Snapshot();
    if (recent_.size() > 1) recent_[1].add(measured);
  }
  last_ = counters;
  if (options_.abort_on_audit && counters.audit.wrong() && !aborted_) {
    aborted_ = true;
    event("the audit found something wrong: stopping, as --abort-on=audit asks");
  }
}

void Conductor::record_sample(const Snapshot& counters, double elapsed) {
  const auto per_second = [elapsed](std::uint64_t later, std::uint64_t earlier) {
    return static_cast<double>(later - earlier) / elapsed;
  };
  const Snapshot& measured = recent_.front();
  const double cpu = cpu_of_this_process();
  state_.now = now();
  state_.generator_cpu = (cpu - generator_cpu_last_) / elapsed;
  generator_cpu_last_ = cpu;
  state_.generator_cpu_max = std::max(state_.generator_cpu_max, state_.generator_cpu);
  state_.offered_rate = per_second(counters.offered, last_.offered);
  state_.sent_rate = per_second(counters.audit.sent, last_.audit.sent);
  state_.received_rate = per_second(counters.received, last_.received);
  state_.nodes = fleet_.nodes();
  state_.node_logins.assign(counters.targets.size(), 0);
  for (std::size_t i = 0; i < counters.targets.size(); ++i) {
    const auto before = i < last_.targets.size() ? last_.targets[i].logins : 0;
    state_.node_logins[i] = per_second(counters.targets[i].logins, before);
  }
  boost::json::array nodes;
  for (const NodeStatus& node : state_.nodes) {
    const bool seen = node.target < counters.targets.size();
    boost::json::object one{{"name", node.name},
                            {"state", node.state},
                            {"version", node.version},
                            {"clients", seen ? counters.targets[node.target].online : 0},
                            {"logins", seen ? state_.node_logins[node.target] : 0.0},
                            {"cpu", node.cpu_ratio},
                            {"rss", node.resident_bytes}};
    if (node.sessions) one["sessions"] = *node.sessions;
    nodes.push_back(std::move(one));
  }
  recording_.add({{"kind", "sample"},
                  {"t", in_seconds(state_.now)},
                  {"phase", state_.phase},
                  {"offered", state_.offered_rate},
                  {"sent", state_.sent_rate},
                  {"received", state_.received_rate},
                  {"waiting", counters.waiting},
                  {"open", counters.audit.open()},
                  {"online", counters.online},
                  {"wanted", counters.wanted},
                  {"logins", per_second(counters.logins, last_.logins)},
                  {"failed", per_second(counters.failed_logins, last_.failed_logins)},
                  {"lost_streams", per_second(counters.forced, last_.forced)},
                  {"p50", in_seconds(measured.delivery.quantile(0.5))},
                  {"p99", in_seconds(measured.delivery.quantile(0.99))},
                  {"max", in_seconds(measured.delivery.max())},
                  {"lag_p99", in_seconds(measured.lag.quantile(0.99))},
                  {"generator_cpu", state_.generator_cpu},
                  {"nodes", std::move(nodes)}});
  state_.total = counters;
  state_.total.Latencies::operator=(whole_);
  state_.recent = Snapshot();
  for (const Snapshot& one : recent_) state_.recent.add(one);
  scaling_figures();
  view_.show(state_);
}

void Conductor::set_rate(double rate) {
  rate_ = rate;
  state_.rate = rate;
  const double share = state_.paused ? 0 : rate / static_cast<double>(shards_.size());
  for (auto& shard : shards_) shard->set_rate(share);
}

void Conductor::set_sessions(double sessions) {
  // Whole pairs, and as many of them as there are accounts.
  const auto most = options_.shard.accounts.size() / 2;
  const auto pairs =
      std::min<std::size_t>(static_cast<std::size_t>(std::llround(sessions / 2)), most);
  sessions_ = 2 * pairs;
  const auto count = shards_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto own = pairs / count + (i < pairs % count ? 1 : 0);
    shards_[i]->set_sessions(2 * own, options_.scenario.login_rate / static_cast<double>(count));
  }
}

void Conductor::set_churn(double sessions_per_second) {
  for (auto& shard : shards_) {
    shard->set_churn(sessions_per_second / 2 / static_cast<double>(shards_.size()));
  }
}

void Conductor::event(const std::string& text) {
  const auto at = now();
  state_.events.push_front({at, text});
  if (state_.events.size() > events_kept) state_.events.pop_back();
  recording_.add({{"kind", "event"}, {"t", in_seconds(at)}, {"text", text}});
  view_.tell(clock_text(at) + " " + text);
}

void Conductor::watch_nodes() {
  for (const NodeStatus& node : fleet_.nodes()) {
    const auto described = node.state + (node.version.empty() ? "" : " on " + node.version);
    std::string& known = node_states_[node.name];
    if (!known.empty() && known != described) event(node.name + " " + described);
    known = described;
  }
}

void Conductor::on_key(char key) {
  switch (key) {
    case 'q':
      event("stopped by hand");
      aborted_ = true;
      reasons_.emplace_back("stopped by hand");
      break;
    case 'p':
      state_.paused = !state_.paused;
      set_rate(rate_);
      event(state_.paused ? "paused by hand" : "goes on");
      break;
    case '+':
    case '-':
      set_rate(rate_ * (key == '+' ? 1.25 : 0.8));
      event("rate set by hand to " + std::to_string(std::lround(rate_)) + "/s");
      break;
    default:
      skip_phase_ = true;
      break;
  }
}

}  // namespace loadgen
