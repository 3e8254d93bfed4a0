#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>

#include "server/metrics/metrics.h"
#include "server/storage/events.h"

namespace server {

/// What the storage has to tell: the database's ups and downs into the log; and how long calls take
/// and how they fail into the metrics of MySQL, for a store that is one.
///
/// Threads: all members are [any thread].
class StorageReport final : public StorageEvents {
 public:
  /// From now on calls are counted. `metrics`, which are made after the store, outlive it.
  void count_into(Metrics& metrics);

  void database_lost(boost::system::error_code error, const std::string& detail) override;
  void database_back(std::chrono::milliseconds outage) override;
  void job_waited(std::chrono::nanoseconds wait) override;
  void statement_done(std::string_view statement, std::chrono::nanoseconds duration,
                      boost::system::error_code error) override;
  void call_failed(boost::system::error_code error) override;
  void database_error(boost::system::error_code error, const std::string& detail) override;
  void schema_migrated(int from_version, int to_version) override;

 private:
  std::atomic<Metrics*> metrics_ = nullptr;
};

}  // namespace server
