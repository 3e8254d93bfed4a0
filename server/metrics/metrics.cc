#include "server/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <cassert>
#include <limits>
#include <map>
#include <mutex>
#include <utility>

#include "server/log/log.h"
#include "server/metrics/process.h"

namespace server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

prometheus::MetricType type_of(const metric::Definition& definition) {
  switch (definition.type) {
    case metric::Type::gauge:
      return prometheus::MetricType::Gauge;
    case metric::Type::counter:
      return prometheus::MetricType::Counter;
    case metric::Type::histogram:
      return prometheus::MetricType::Histogram;
  }
  assert(false);
  return prometheus::MetricType::Untyped;
}

MetricFamily family_of(const metric::Definition& definition) {
  MetricFamily family;
  family.name = std::string(definition.name);
  family.help = std::string(definition.help);
  family.type = type_of(definition);
  return family;
}

/// Names each value with its label; there are as many values as the definition has labels.
std::map<std::string, std::string> labels_of(const metric::Definition& definition,
                                             const std::vector<std::string>& values) {
  std::map<std::string, std::string> labels;
  std::size_t at = 0;
  for (const std::string_view label : definition.labels) {
    if (!label.empty()) labels.emplace(label, values.at(at++));
  }
  assert(at == values.size());
  return labels;
}

ClientMetric with_labels(const metric::Definition& definition,
                         const std::vector<std::string>& values) {
  ClientMetric made;
  for (const auto& [name, value] : labels_of(definition, values)) {
    made.label.push_back({name, value});
  }
  return made;
}

void add(MetricFamily& family, const metric::Definition& definition, const Sample& sample) {
  ClientMetric made = with_labels(definition, sample.labels);
  if (definition.type == metric::Type::counter) {
    made.counter.value = sample.value;
  } else {
    made.gauge.value = sample.value;
  }
  family.metric.push_back(std::move(made));
}

using Loops = std::vector<const LoopCounters*>;

void add_single(std::vector<MetricFamily>& families, const metric::Counter& definition,
                const Loops& loops, LoopCounter LoopCounters::*member) {
  double sum = 0;
  for (const LoopCounters* loop : loops) sum += static_cast<double>((loop->*member).value());
  families.push_back(family_of(definition));
  add(families.back(), definition, {{}, sum});
}

void add_level(std::vector<MetricFamily>& families, const metric::Gauge& definition,
               const Loops& loops, LoopLevel LoopCounters::*member) {
  double sum = 0;
  for (const LoopCounters* loop : loops) sum += static_cast<double>((loop->*member).value());
  families.push_back(family_of(definition));
  add(families.back(), definition, {{}, sum});
}

/// A counter with one label: the values that have never been counted are left out, but for the
/// short lists that a dashboard wants to see at 0.
template <const auto& names>
void add_labelled(std::vector<MetricFamily>& families, const metric::Counter& definition,
                  const Loops& loops, LabelledCounter<names> LoopCounters::*member) {
  families.push_back(family_of(definition));
  for (std::size_t at = 0; at < names.size(); ++at) {
    double sum = 0;
    for (const LoopCounters* loop : loops) sum += static_cast<double>((loop->*member).value(at));
    if (sum == 0 && names.size() > 3) continue;
    add(families.back(), definition, {{std::string(names[at])}, sum});
  }
}

template <const auto& bounds, class Select>
ClientMetric histogram(const metric::Histogram& definition, const std::vector<std::string>& labels,
                       const Loops& loops, Select select) {
  ClientMetric made = with_labels(definition, labels);
  std::uint64_t count = 0;
  for (std::size_t at = 0; at <= bounds.size(); ++at) {
    for (const LoopCounters* loop : loops) count += select(*loop).bucket(at);
    const double bound = at < bounds.size() ? bounds[at] : std::numeric_limits<double>::infinity();
    made.histogram.bucket.push_back({count, bound});
  }
  for (const LoopCounters* loop : loops) made.histogram.sample_sum += select(*loop).sum();
  made.histogram.sample_count = count;
  return made;
}

void add_loops(std::vector<MetricFamily>& families, const Loops& loops) {
  add_labelled(families, metric::stanzas_received, loops, &LoopCounters::stanzas_received);
  add_labelled(families, metric::stanzas_sent, loops, &LoopCounters::stanzas_sent);
  add_labelled(families, metric::stanzas_bounced, loops, &LoopCounters::stanzas_bounced);
  add_labelled(families, metric::stanzas_dropped, loops, &LoopCounters::stanzas_dropped);
  add_labelled(families, metric::offline_messages, loops, &LoopCounters::offline_messages);
  add_single(families, metric::archived_messages, loops, &LoopCounters::archived_messages);
  add_single(families, metric::archive_unreadable, loops, &LoopCounters::archive_unreadable);
  add_single(families, metric::archive_tombstones, loops, &LoopCounters::archive_tombstones);
  add_single(families, metric::archive_expired_messages, loops,
             &LoopCounters::archive_expired_messages);
  add_single(families, metric::archive_expiry_accounts, loops,
             &LoopCounters::archive_expiry_accounts);
  add_level(families, metric::archive_queue_records, loops, &LoopCounters::archive_queue_records);
  add_labelled(families, metric::streams_closed, loops, &LoopCounters::streams_closed);
  add_single(families, metric::stream_received_bytes, loops, &LoopCounters::stream_received_bytes);
  add_single(families, metric::stream_sent_bytes, loops, &LoopCounters::stream_sent_bytes);
  add_level(families, metric::send_queue_bytes, loops, &LoopCounters::send_queue_bytes);
  add_level(families, metric::unacknowledged_stanzas, loops, &LoopCounters::unacknowledged_stanzas);
  add_level(families, metric::sessions_resumable, loops, &LoopCounters::sessions_detached);

  families.push_back(family_of(metric::resumes));
  for (std::size_t at = 0; at < resumptions.size(); ++at) {
    double sum = 0;
    for (const LoopCounters* loop : loops) sum += static_cast<double>(loop->resumes.value(at));
    const std::string where(resumptions[at]);
    const bool has_failed = where == "failed";
    add(families.back(), metric::resumes,
        {{has_failed ? "failed" : "ok", has_failed ? "nowhere" : where}, sum});
  }

  families.push_back(family_of(metric::logins));
  for (std::size_t at = 0; at < login_reasons.size(); ++at) {
    double sum = 0;
    for (const LoopCounters* loop : loops) sum += static_cast<double>(loop->logins.value(at));
    const std::string reason(login_reasons[at]);
    const std::string result = reason == "ok" ? "ok" : "failed";
    if (sum > 0 || reason == "ok" || reason == "not-authorized") {
      add(families.back(), metric::logins, {{result, reason}, sum});
    }
  }

  families.push_back(family_of(metric::login_duration));
  families.back().metric.push_back(histogram<long_bounds>(
      metric::login_duration, {}, loops,
      [](const LoopCounters& loop) -> auto& { return loop.login_duration; }));
  families.push_back(family_of(metric::archive_write_duration));
  families.back().metric.push_back(histogram<short_bounds>(
      metric::archive_write_duration, {}, loops,
      [](const LoopCounters& loop) -> auto& { return loop.archive_write_duration; }));
  families.push_back(family_of(metric::loop_lag));
  families.back().metric.push_back(
      histogram<short_bounds>(metric::loop_lag, {}, loops,
                              [](const LoopCounters& loop) -> auto& { return loop.loop_lag; }));
  families.push_back(family_of(metric::route_duration));
  for (std::size_t at = 0; at < route_scopes.size(); ++at) {
    families.back().metric.push_back(histogram<short_bounds>(
        metric::route_duration, {std::string(route_scopes[at])}, loops,
        [at](const LoopCounters& loop) -> auto& { return loop.route_duration[at]; }));
  }
}

void add_process(std::vector<MetricFamily>& families) {
  const ProcessUsage usage = process_usage();
  const std::pair<const metric::Definition&, double> values[] = {
      {metric::process_cpu, usage.cpu_seconds},
      {metric::process_resident, static_cast<double>(usage.resident_bytes)},
      {metric::process_virtual, static_cast<double>(usage.virtual_bytes)},
      {metric::process_threads, static_cast<double>(usage.threads)},
      {metric::process_open_fds, static_cast<double>(usage.open_fds)},
      {metric::process_max_fds, static_cast<double>(usage.max_fds)},
      {metric::process_start, usage.start_time}};
  for (const auto& [definition, value] : values) {
    families.push_back(family_of(definition));
    add(families.back(), definition, {{}, value});
  }
}

}  // namespace

struct Metrics::State {
  struct Observed {
    const metric::Definition* definition;
    std::function<Samples()> read;
  };

  mutable std::mutex mutex;  // Guards the three lists, not what they point at.
  Loops loops;
  std::vector<Observed> observed;
  std::map<const metric::Counter*, prometheus::Family<prometheus::Counter>*> counters;
  std::map<const metric::Histogram*, prometheus::Family<prometheus::Histogram>*> histograms;
  prometheus::Registry registry;  // Has its own lock.

  void observe(const metric::Definition& definition, std::function<Samples()> read) {
    const std::lock_guard lock(mutex);
    for (const Observed& other : observed) assert(other.definition != &definition);
    observed.push_back({&definition, std::move(read)});
  }
};

Metrics::Metrics(Build build) : state_(std::make_unique<State>()) {
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  state_->observe(metric::build_info, [build] {
    return Samples{{{build.version, build.commit}, 1}};
  });
  state_->observe(metric::start_time, [now] { return Samples{{{}, now}}; });
  state_->observe(metric::log_dropped, [] {
    return Samples{{{"queue-full"}, static_cast<double>(log::dropped())},
                   {{"rate"}, static_cast<double>(log::suppressed())}};
  });
}

Metrics::~Metrics() = default;

void Metrics::add_loop(const LoopCounters& counters) {
  const std::lock_guard lock(state_->mutex);
  state_->loops.push_back(&counters);
}

void Metrics::observe(const metric::Gauge& gauge, std::function<Samples()> read) {
  state_->observe(gauge, std::move(read));
}

void Metrics::observe(const metric::Counter& counter, std::function<Samples()> read) {
  state_->observe(counter, std::move(read));
}

void Metrics::observe(const metric::Gauge& gauge, std::function<double()> read) {
  state_->observe(gauge, [read = std::move(read)] { return Samples{{{}, read()}}; });
}

void Metrics::observe(const metric::Counter& counter, std::function<double()> read) {
  state_->observe(counter, [read = std::move(read)] { return Samples{{{}, read()}}; });
}

void Metrics::count(const metric::Counter& counter, const std::vector<std::string>& labels,
                    double amount) {
  const std::lock_guard lock(state_->mutex);
  auto& family = state_->counters[&counter];
  if (!family) {
    family = &prometheus::BuildCounter()
                  .Name(std::string(counter.name))
                  .Help(std::string(counter.help))
                  .Register(state_->registry);
  }
  family->Add(labels_of(counter, labels)).Increment(amount);
}

void Metrics::time(const metric::Histogram& histogram, const std::vector<std::string>& labels,
                   std::chrono::duration<double> taken) {
  const std::lock_guard lock(state_->mutex);
  auto& family = state_->histograms[&histogram];
  if (!family) {
    family = &prometheus::BuildHistogram()
                  .Name(std::string(histogram.name))
                  .Help(std::string(histogram.help))
                  .Register(state_->registry);
  }
  const prometheus::Histogram::BucketBoundaries bounds(long_bounds.begin(), long_bounds.end());
  family->Add(labels_of(histogram, labels), bounds).Observe(taken.count());
}

std::string Metrics::text() const {
  Loops loops;
  std::vector<State::Observed> observed;
  {
    const std::lock_guard lock(state_->mutex);
    loops = state_->loops;
    observed = state_->observed;
  }
  // Callbacks run without the lock: they may call count().
  std::vector<MetricFamily> families;
  for (const State::Observed& entry : observed) {
    families.push_back(family_of(*entry.definition));
    for (const Sample& sample : entry.read()) add(families.back(), *entry.definition, sample);
  }
  if (!loops.empty()) add_loops(families, loops);
  add_process(families);
  for (MetricFamily& family : state_->registry.Collect()) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace server
