#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "loadgen/fault.h"

namespace loadgen {

/// `METRIC[@PHASE] < VALUE`, such as `delivery.p99@roll < 200ms`.
///
/// Metrics: delivery, within, across, login, offline and lag, each with .p50 .p90 .p99 .p999 .max
/// .mean or .count; and a figure of the scenario by its name (reconnects_per_client, joined_s, …).
struct Threshold {
  std::string text;
  std::string metric;
  std::string phase;  // Empty: the whole run.
  std::string relation;
  double limit = 0;  // Seconds where it was a time.
};

Result<Threshold> parse_threshold(std::string_view text);

struct ThresholdResult {
  std::string text;
  std::optional<double> value;  // Absent: the metric was never measured.
  bool passed = false;
};

ThresholdResult judge(const Threshold& threshold, std::optional<double> value);

}  // namespace loadgen
