#include "loadgen/threshold.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "loadgen/quantity.h"

namespace loadgen {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<double> parse_limit(std::string_view text) {
  if (const auto time = parse_duration(text); time.has_value()) {
    return static_cast<double>(time->count()) / 1e6;
  }
  if (const auto rate = parse_rate(text); rate.has_value()) return *rate;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

Result<Threshold> parse_threshold(std::string_view text) {
  const Fault fault{"`" + std::string(text) +
                    "` is not a threshold; write for example delivery.p99@roll < 200ms"};
  static constexpr std::array<std::string_view, 4> relations = {"<=", ">=", "<", ">"};
  for (const auto relation : relations) {
    const auto at = text.find(relation);
    if (at == std::string_view::npos) continue;
    Threshold threshold;
    threshold.text = std::string(trim(text));
    threshold.relation = std::string(relation);
    const auto left = trim(text.substr(0, at));
    const auto limit = parse_limit(trim(text.substr(at + relation.size())));
    const auto phase = left.find('@');
    threshold.metric = std::string(left.substr(0, phase));
    if (phase != std::string_view::npos) threshold.phase = std::string(left.substr(phase + 1));
    if (threshold.metric.empty() || !limit) return fault;
    threshold.limit = *limit;
    return threshold;
  }
  return fault;
}

ThresholdResult judge(const Threshold& threshold, std::optional<double> value) {
  ThresholdResult result{threshold.text, value, false};
  // What was not measured was not met.
  if (!value) return result;
  if (threshold.relation == "<") result.passed = *value < threshold.limit;
  if (threshold.relation == "<=") result.passed = *value <= threshold.limit;
  if (threshold.relation == ">") result.passed = *value > threshold.limit;
  if (threshold.relation == ">=") result.passed = *value >= threshold.limit;
  return result;
}

}  // namespace loadgen
