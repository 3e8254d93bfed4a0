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
constexpr Micros archives_limit = std::chrono::minutes(5);

}  // namespace

Conductor::Conductor(RunOptions options, const std::atomic<int>& stops)
    : options_(std::move(options)),
      stops_(stops),
      fleet_(poller_, targets_, options_.shard.client.tls.mode),
      view_(poller_, *this),
      sampler_(shards_, fleet_, recording_, state_) {}

Conductor::~Conductor() { shards_.stop(); }

Micros Conductor::now() const {
  return std::chrono::duration_cast<Micros>(std::chrono::steady_clock::now() - zero_);
}

Result<ExitCode> Conductor::run() {
  if (auto begun = begin(); begun.has_error()) return begun.error();
  ramp();
  const Scenario& scenario = options_.scenario;
  if (!is_cut_short()) {
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
  if (scenario.audits_archives && !is_cut_short()) read_archives();
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
  auto started = shards_.start(options_.shard, options_.threads, targets_, zero_);
  if (started.has_error()) return started.error();
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  state_.open_files_max = files.rlim_cur;
  state_.scenario = scenario.name;
  state_.seed = options_.shard.seed;
  state_.phase_count = scenario.phases.size() + 2 + (scenario.warmup.count() > 0 ? 1 : 0) +
                       (scenario.audits_archives ? 1 : 0);
  state_.expected = scenario.warmup + scenario.settle / 10 +
                    Micros(static_cast<std::int64_t>(1e6 * static_cast<double>(scenario.sessions) /
                                                     scenario.login_rate));
  for (const Phase& phase : scenario.phases) {
    state_.expected += phase.duration.value_or(scenario.duration);
  }
  recording_.add(run_line());
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
    const Snapshot total = sampler_.totals();
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
  const Snapshot total = sampler_.totals();
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
  shards_.set_churn(phase.churn.of(static_cast<double>(sessions_)));
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
    const Snapshot total = sampler_.totals();
    const bool reached = total.wanted == sessions_;
    if (skip_phase_ || (at - current_.began >= wanted && reached)) break;
    if (at - current_.began > wanted + phase.action_limit) {
      reasons_.push_back("phase " + phase.name + " did not reach its sessions");
      break;
    }
  }
  shards_.set_churn(0);
  end_phase();
}

void Conductor::settle() {
  begin_phase("settle");
  state_.rate = 0;
  shards_.finish_sending();
  auto limit = options_.scenario.settle;
  if (is_cut_short()) limit = std::min(limit, 5 * second);
  const bool messages = options_.scenario.rate > 0;
  // At least a moment, so that late doubles are seen; then until nothing is open.
  const auto least = std::min(limit, messages ? 3 * second : second);
  while (now() - current_.began < limit) {
    turn();
    if (stops_.load() > 1) break;  // Asked a second time to hurry.
    const Snapshot total = sampler_.totals();
    // What is not acknowledged need not be archived yet.
    const auto unacked = options_.scenario.audits_archives ? total.unacked : 0;
    const bool quiet =
        total.audit.open() + total.waiting + unacked == 0 && total.online >= total.wanted;
    if (now() - current_.began >= least && quiet) break;
  }
  end_phase();
}

void Conductor::read_archives() {
  begin_phase("archives");
  shards_.read_archives();
  Snapshot total = sampler_.totals();
  while (total.archives_left > 0 && stops_.load() == 0 && now() - current_.began < archives_limit) {
    turn();
    total = sampler_.totals();
  }
  end_phase();
  figure("archives_read", static_cast<double>(total.archives_read));
  figure("archived_messages", static_cast<double>(total.archived));
  const auto unread = total.archives_left + total.archives_given_up;
  if (unread > 0) reasons_.push_back(grouped(unread) + " archives could not be read");
}

void Conductor::begin_phase(const std::string& name) {
  skip_phase_ = false;
  ++state_.phase_number;
  state_.phase = name;
  sample();
  current_ = PhaseRecord();
  current_.name = name;
  current_.began = now();
  phase_start_ = sampler_.last();
  phase_start_cpu_ = fleet_.cpu_seconds();
  event("phase " + name);
}

void Conductor::end_phase() {
  sample();
  current_.ended = now();
  current_.offered = sampler_.last().offered - phase_start_.offered;
  current_.received = sampler_.last().received - phase_start_.received;
  current_.logins = sampler_.last().logins - phase_start_.logins;
  current_.resumed = sampler_.last().resumed - phase_start_.resumed;
  current_.failed_logins = sampler_.last().failed_logins - phase_start_.failed_logins;
  current_.forced = sampler_.last().forced - phase_start_.forced;
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
  if (sampler_.is_due(at)) sample();
}

void Conductor::sample() {
  const bool is_whole = sampler_.sample(now(), current_.measured);
  if (is_whole) {
    scaling_figures();
    view_.show(state_);
  }
  if (options_.abort_on_audit && sampler_.last().audit.wrong() && !aborted_) {
    aborted_ = true;
    event("the audit found something wrong: stopping, as --abort-on=audit asks");
  }
}

void Conductor::set_rate(double rate) {
  rate_ = rate;
  state_.rate = rate;
  shards_.set_rate(state_.paused ? 0 : rate);
}

void Conductor::set_sessions(double sessions) {
  // Whole pairs, and as many of them as there are accounts.
  const auto most = options_.shard.accounts.size() / 2;
  const auto pairs =
      std::min<std::size_t>(static_cast<std::size_t>(std::llround(sessions / 2)), most);
  sessions_ = 2 * pairs;
  shards_.set_sessions(sessions_, options_.scenario.login_rate);
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
