#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "loadgen/connection.h"
#include "loadgen/poller.h"

namespace loadgen {

/// What one look at a server process gives.
struct ProcessUsage {
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
};

/// Reads /proc. Absent when there is no such process.
std::optional<ProcessUsage> process_usage(int pid);

/// The sum of all series of `name` in a Prometheus text; absent when there is none.
std::optional<double> metric_sum(std::string_view page, std::string_view name);

/// Fetches `GET /metrics` of one node again and again, one request at a time, each on its own
/// connection. A node that does not answer within two seconds has no answer.
///
/// Threads: the poller's.
class MetricsProbe final : public ConnectionUser {
 public:
  MetricsProbe(Poller& poller, const Endpoint& endpoint)
      : endpoint_(endpoint), connection_(poller, *this) {}

  /// Begins a request, unless one is on its way. Gives up one that is too old.
  void ask();
  /// The last whole answer's body; empty before the first and when the last try failed.
  [[nodiscard]] const std::string& page() const { return page_; }

  void on_connected() override;
  void on_secured() override {}
  void on_bytes(std::string_view bytes) override;
  void on_closed(std::string_view reason) override;
  void on_output() override {}

 private:
  void finish();

  Endpoint endpoint_;
  Connection connection_;
  std::string answer_;
  std::string page_;
  int patience_ = 0;
};

}  // namespace loadgen
