#pragma once

#include <boost/system/error_code.hpp>
#include <chrono>
#include <string>
#include <string_view>

namespace server {

/// What the storage has to tell; for logs and metrics. Called on the storage's own threads and, for
/// calls that fail, on the caller's; some for every statement: cheap, thread-safe, and never back
/// into the storage.
class StorageEvents {
 public:
  virtual ~StorageEvents() = default;

  /// Once an outage. `detail` is for people and names host and user, never a password.
  virtual void database_lost(boost::system::error_code error, const std::string& detail) {
    (void)error, (void)detail;
  }
  virtual void database_back(std::chrono::milliseconds outage) { (void)outage; }

  /// A job waited so long for a thread.
  virtual void job_waited(std::chrono::nanoseconds wait) { (void)wait; }

  /// A call ran so long. `statement` is one of a few fixed words (`find`, `create`, …), `error` is
  /// what it ended with, also such as `conflict` that are answers rather than failures.
  virtual void statement_done(std::string_view statement, std::chrono::nanoseconds duration,
                              boost::system::error_code error) {
    (void)statement, (void)duration, (void)error;
  }

  /// A call ended with `error`; also one that was refused before it ran, because the database is
  /// away or too many wait, and also with what is an answer rather than a failure.
  virtual void call_failed(boost::system::error_code error) { (void)error; }

  /// The database failed in a way that it should not; `detail` holds its words.
  virtual void database_error(boost::system::error_code error, const std::string& detail) {
    (void)error, (void)detail;
  }

  /// A migration was applied.
  virtual void schema_migrated(int from_version, int to_version) {
    (void)from_version, (void)to_version;
  }
};

}  // namespace server
