#include "server/node/storage_report.h"

#include <cstdint>

#include "server/log/log.h"
#include "server/storage/error.h"

namespace server {
namespace {

/// The class that a failure counts under; empty for an answer, such as that an account exists.
std::string_view error_class(boost::system::error_code error) {
  if (error == StorageErrc::unavailable) return "unavailable";
  if (error == StorageErrc::busy) return "busy";
  if (error == StorageErrc::access_denied) return "access_denied";
  if (error == StorageErrc::broken) return "broken";
  return {};
}

}  // namespace

void StorageReport::count_into(Metrics& metrics) {
  // An alert on the increase of a count needs its 0.
  for (const char* known : {"unavailable", "busy", "access_denied", "broken"}) {
    metrics.count(metric::mysql_errors, {known}, 0);
  }
  metrics_.store(&metrics);
}

void StorageReport::job_waited(std::chrono::nanoseconds wait) {
  if (Metrics* metrics = metrics_.load()) metrics->time(metric::mysql_wait, {}, wait);
}

void StorageReport::statement_done(std::string_view statement, std::chrono::nanoseconds duration,
                                   boost::system::error_code) {
  if (Metrics* metrics = metrics_.load()) {
    metrics->time(metric::mysql_query, {std::string(statement)}, duration);
  }
}

void StorageReport::call_failed(boost::system::error_code error) {
  const std::string_view counted = error_class(error);
  Metrics* metrics = metrics_.load();
  if (metrics != nullptr && !counted.empty()) {
    metrics->count(metric::mysql_errors, {std::string(counted)});
  }
}

void StorageReport::database_lost(boost::system::error_code error, const std::string& detail) {
  log::event(log::Level::warning, "storage", "database_away",
             {{"reason", error.message()}, {"detail", detail}});
}

void StorageReport::database_back(std::chrono::milliseconds outage) {
  log::event(log::Level::info, "storage", "database_back",
             {{"milliseconds", static_cast<std::int64_t>(outage.count())}});
}

void StorageReport::database_error(boost::system::error_code error, const std::string& detail) {
  log::event(log::Level::error, "storage", "database_error",
             {{"reason", error.message()}, {"detail", detail}});
}

void StorageReport::schema_migrated(int from_version, int to_version) {
  log::event(log::Level::info, "storage", "schema_migrated",
             {{"from", from_version}, {"to", to_version}});
}

}  // namespace server
