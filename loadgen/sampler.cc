#include "loadgen/sampler.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

namespace loadgen {
namespace {

constexpr Micros second{1'000'000};
constexpr std::size_t recent_max = 11;

double cpu_of_this_process() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

Sampler::Sampler(ShardGroup& shards, Fleet& fleet, Recording& recording, RunState& state)
    : shards_(shards),
      fleet_(fleet),
      recording_(recording),
      state_(state),
      generator_cpu_last_(cpu_of_this_process()) {}

Snapshot Sampler::totals() {
  Snapshot total = shards_.take();
  recent_.front().add_histograms(total);
  return total;
}

bool Sampler::is_due(Micros now) const { return now - sampled_at_ >= second; }

bool Sampler::sample(Micros now, Snapshot& phase) {
  const double elapsed = in_seconds(now - sampled_at_);
  Snapshot counters = totals();
  const Snapshot measured = recent_.front();
  phase.add(measured);
  whole_.add(measured);
  const bool is_whole = elapsed >= 0.5;
  if (is_whole) {
    sampled_at_ = now;
    fleet_.sample(elapsed);
    record(counters, now, elapsed);
    recent_.push_front(Snapshot());
    if (recent_.size() > recent_max) recent_.pop_back();
  } else {
    recent_.front() = Snapshot();
    if (recent_.size() > 1) recent_[1].add(measured);
  }
  last_ = std::move(counters);
  return is_whole;
}

void Sampler::record(const Snapshot& counters, Micros now, double elapsed) {
  const auto per_second = [elapsed](std::uint64_t later, std::uint64_t earlier) {
    return static_cast<double>(later - earlier) / elapsed;
  };
  const Snapshot& measured = recent_.front();
  const double cpu = cpu_of_this_process();
  state_.now = now;
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
}

}  // namespace loadgen
