#pragma once

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "server/storage/events.h"

namespace server {

/// Keeps what the storage reports, and lets a test wait for it.
class RecordedStorageEvents final : public StorageEvents {
 public:
  void database_lost(boost::system::error_code, const std::string& detail) override {
    add("lost: " + detail);
  }
  void database_back(std::chrono::milliseconds) override { add("back"); }
  void database_error(boost::system::error_code, const std::string& detail) override {
    add("error: " + detail);
  }
  void schema_migrated(int from_version, int to_version) override {
    add("migrated " + std::to_string(from_version) + " " + std::to_string(to_version));
  }
  void job_waited(std::chrono::nanoseconds) override { add("waited"); }
  void statement_done(std::string_view statement, std::chrono::nanoseconds,
                      boost::system::error_code) override {
    add("done " + std::string(statement));
  }
  void call_failed(boost::system::error_code error) override { add("failed: " + error.message()); }

  bool wait_for_event(const std::string& text) {
    std::unique_lock lock(mutex_);
    return came_.wait_for(lock, std::chrono::seconds(20), [&] { return count_locked(text) > 0; });
  }

  std::size_t count(const std::string& text) {
    const std::lock_guard lock(mutex_);
    return count_locked(text);
  }

  void clear() {
    const std::lock_guard lock(mutex_);
    events_.clear();
  }

  std::string all() {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const std::string& event : events_) text += event + "; ";
    return text;
  }

 private:
  void add(std::string event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    came_.notify_all();
  }

  std::size_t count_locked(const std::string& text) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        events_, [&](const std::string& event) { return event.starts_with(text); }));
  }

  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<std::string> events_;
};

}  // namespace server
