#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/metrics/definitions.h"
#include "server/metrics/loop_counters.h"

namespace server {

/// One value of a metric, with a value for each label of its definition, in their order.
struct Sample {
  std::vector<std::string> labels;
  double value = 0;
};
using Samples = std::vector<Sample>;

/// Everything that `/metrics` shows.
///
/// Three ways in: a block of LoopCounters for what happens with every stanza; observe() for what
/// another part knows already and is asked at each scrape; count() and time() for rare events.
/// `meerkat_build_info`, `_start_time_seconds`, the log's drops and `process_*` are always there.
///
/// Threads: all members are [any loop]. Callbacks run on the thread that calls text(), so they
/// read only what may be read from there. Definitions are compared by address.
class Metrics {
 public:
  struct Build {
    std::string version;
    std::string commit;
  };

  explicit Metrics(Build build);
  ~Metrics();

  /// Adds a loop's counts to every scrape from now on.
  void add_loop(const LoopCounters& counters);

  /// Asks `read` at each scrape. Once for each definition, before the first text().
  void observe(const metric::Gauge& gauge, std::function<Samples()> read);
  void observe(const metric::Counter& counter, std::function<Samples()> read);

  /// The same for a single value without labels.
  void observe(const metric::Gauge& gauge, std::function<double()> read);
  void observe(const metric::Counter& counter, std::function<double()> read);

  /// Takes a lock: not for what happens with every stanza.
  void count(const metric::Counter& counter, const std::vector<std::string>& labels = {},
             double amount = 1);
  void time(const metric::Histogram& histogram, const std::vector<std::string>& labels,
            std::chrono::duration<double> taken);

  /// The Prometheus text format, version 0.0.4.
  std::string text() const;

  static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace server
