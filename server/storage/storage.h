#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "server/storage/blocking_pool.h"
#include "server/storage/events.h"
#include "server/storage/sql.h"

namespace server {

/// What the node stores, and the threads on which it waits for its database. A feature's own store
/// stands on this; see docs/architecture.md for how to add one.
///
/// Threads: all members may be called from any loop; answers come back on the caller's. Errors of
/// every call, besides those of its work: unavailable, busy, stopped, conflict (unique key),
/// too_long, access_denied, broken.
class Storage {
 public:
  /// `kind` is what status() calls it. `events` must live as long.
  Storage(std::string kind, std::unique_ptr<SqlDatabase> database, BlockingPoolOptions pool,
          StorageEvents& events);
  ~Storage();  // Stops.

  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  /// Runs `work(SqlConnection&)`, which returns a Result and owns all it uses, as
  /// SqlDatabase::run() does. `name` is one of a few fixed words, for the metrics.
  template <class Work>
  asio::awaitable<std::invoke_result_t<Work&, SqlConnection&>> run(std::string_view name,
                                                                   Repeat repeat, Work work) {
    return call(name, [this, repeat, work = std::move(work)]() mutable {
      return database_->run(repeat, std::move(work));
    });
  }

  /// The same as SqlDatabase::transact() does: all of `work` or nothing.
  template <class Work>
  asio::awaitable<std::invoke_result_t<Work&, SqlConnection&>> transact(std::string_view name,
                                                                        Repeat repeat, Work work) {
    return call(name, [this, repeat, work = std::move(work)]() mutable {
      return database_->transact(repeat, std::move(work));
    });
  }

  /// Whether the database answered last time; while it does not, calls fail at once, and it is
  /// tried again in the background.
  [[nodiscard]] bool available() const { return database_->available(); }

  struct Status {
    std::string kind;  ///< `mysql` or `sqlite`
    std::size_t connections_busy = 0, connections_idle = 0;
    std::size_t jobs_waiting = 0, jobs_running = 0;
    std::uint64_t jobs_refused = 0;
    int schema_version = 0;
    std::string last_failure;  ///< In words; stays when it is over.

    /// Calls that failed, in all, by class of error.
    std::map<std::string, std::uint64_t> errors;
  };
  [[nodiscard]] Status status() const;

  /// Refuses new calls, ends those that wait with `stopped`, waits for those that run. Blocks, at
  /// most for a statement's time limit: not on a loop with calls to answer. The last call.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

  template <class Call>
  asio::awaitable<std::invoke_result_t<Call&>> call(std::string_view name, Call call) {
    using Answer = std::invoke_result_t<Call&>;
    if (!available()) {
      const boost::system::error_code away = make_error_code(StorageErrc::unavailable);
      count(away);
      co_return failure<Answer>(away);
    }
    auto timed = [this, name, call = std::move(call)]() mutable {
      const Clock::time_point begun = Clock::now();
      Answer answer = call();
      events_.statement_done(name, Clock::now() - begun, error_of(answer));
      return answer;
    };
    Answer answer = co_await pool_.run(std::move(timed));
    if (answer.has_error()) count(answer.error());
    co_return answer;
  }

  template <class T>
  static boost::system::error_code error_of(const Result<T>& result) {
    return result.has_error() ? result.error() : boost::system::error_code();
  }

  void count(boost::system::error_code error);

  const std::string kind_;
  const std::unique_ptr<SqlDatabase> database_;
  StorageEvents& events_;
  BlockingPool pool_;
  std::array<std::atomic<std::uint64_t>, 16> errors_{};  // By StorageErrc.
};

}  // namespace server
