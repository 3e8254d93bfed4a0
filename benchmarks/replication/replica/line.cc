#include "benchmarks/replication/replica/line.h"

#include <cstdio>
#include <cstdlib>

namespace benchmarks {

Words::Words(std::string_view line) {
  std::istringstream text{std::string(line)};
  for (std::string word; text >> word;) words_.push_back(word);
}

std::string Words::text(const std::string& otherwise) {
  return empty() ? otherwise : words_[next_++];
}

std::uint64_t Words::number(std::uint64_t otherwise) {
  return empty() ? otherwise : std::strtoull(words_[next_++].c_str(), nullptr, 10);
}

double Words::decimal(double otherwise) {
  return empty() ? otherwise : std::strtod(words_[next_++].c_str(), nullptr);
}

Answer& Answer::with_seconds(double seconds) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.6f", seconds);
  return with("seconds", digits);
}

Answer& Answer::with_seconds_since(std::chrono::steady_clock::time_point begun) {
  return with_seconds(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
}

Answer& Answer::with_times(const Latencies& latencies) {
  return with("p50_us", latencies.percentile_us(0.5))
      .with("p99_us", latencies.percentile_us(0.99))
      .with("longest_us", latencies.longest_us());
}

std::string error(const std::string& why) { return "error " + why; }

}  // namespace benchmarks
