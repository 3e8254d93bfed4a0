#include "server/storage/storage.h"

namespace server {
namespace {

BlockingPoolOptions reporting(BlockingPoolOptions options, StorageEvents& events) {
  options.on_waited = [&events](std::chrono::nanoseconds wait) { events.job_waited(wait); };
  return options;
}

}  // namespace

Storage::Storage(std::string kind, std::unique_ptr<SqlDatabase> database, BlockingPoolOptions pool,
                 StorageEvents& events)
    : kind_(std::move(kind)),
      database_(std::move(database)),
      events_(events),
      pool_(reporting(std::move(pool), events)) {}

Storage::~Storage() { stop(); }

void Storage::stop() {
  pool_.stop();
  database_->close();
}

void Storage::count(boost::system::error_code error) {
  events_.call_failed(error);
  if (error.category() != storage_category()) return;
  errors_.at(static_cast<std::size_t>(error.value())).fetch_add(1, std::memory_order_relaxed);
}

Storage::Status Storage::status() const {
  const SqlDatabase::Health health = database_->health();
  const BlockingPool::Load load = pool_.load();
  Status status{.kind = kind_,
                .connections_busy = health.connections_busy,
                .connections_idle = health.connections_idle,
                .jobs_waiting = load.waiting,
                .jobs_running = load.running,
                .jobs_refused = load.refused,
                .schema_version = health.schema_version,
                .last_failure = health.last_failure,
                .errors = {}};
  for (const auto& [code, name] : storage_error_names()) {
    status.errors[std::string(name)] =
        errors_.at(static_cast<std::size_t>(code)).load(std::memory_order_relaxed);
  }
  return status;
}

}  // namespace server
