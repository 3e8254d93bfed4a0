#pragma once

#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "discovery/mysql_connection.h"
#include "server/storage/error.h"
#include "server/storage/events.h"
#include "server/storage/sql.h"

namespace sql {
class PreparedStatement;
}

namespace server {

/// One connection with the statements that were prepared on it. Throws sql::SQLException.
class MysqlSession {
 public:
  explicit MysqlSession(const discovery::MysqlAddress& address);
  ~MysqlSession();

  /// Prepared at its first use. `text` is its name here, and in the words of in_dialect().
  sql::PreparedStatement& statement(std::string_view text);

  sql::Connection& connection() { return *connection_; }

  void execute(const char* text);

  /// Ends a transaction that failed.
  void roll_back() noexcept;

  /// Whether the server still answers.
  bool answers();

 private:
  std::unique_ptr<sql::Connection> connection_;  // Outlives its statements.
  std::map<std::string, std::unique_ptr<sql::PreparedStatement>, std::less<>> statements_;
};

/// A few connections to one MySQL server, which come back by themselves after an outage.
///
/// When the server is away, calls fail at once rather than each wait for its own time limit; a
/// thread of the pool's tries again every `retry_interval` and ends the outage. The only place
/// where what Connector/C++ throws becomes an error code.
///
/// Threads: all members may be called from any thread.
class MysqlPool {
 public:
  MysqlPool(discovery::MysqlAddress address, std::chrono::milliseconds retry_interval,
            StorageEvents& events);
  ~MysqlPool();

  MysqlPool(const MysqlPool&) = delete;
  MysqlPool& operator=(const MysqlPool&) = delete;

  /// Runs `work(MysqlSession&)`, which returns a Result and may throw sql::SQLException, on a
  /// session that no other thread uses. At most as many sessions as threads call at once.
  /// Errors besides those of `work`: unavailable, conflict (unique key), too_long, access_denied,
  /// broken.
  template <class Work>
  auto use(Repeat repeat, Work work) -> decltype(work(std::declval<MysqlSession&>()));

  [[nodiscard]] bool available() const;

  struct State {
    bool available = false;
    std::size_t busy = 0, idle = 0;
    std::string last_failure;  ///< In words; stays when it is over.
  };
  [[nodiscard]] State state() const;

  /// Ends the thread and the connections. No call is running, none follows.
  void close();

 private:
  using Clock = std::chrono::steady_clock;

  class Lease;  // A session taken from the pool, and given back unless it broke.
  enum class Next { again, fail };
  struct Verdict {
    Next next;
    StorageErrc error;
  };

  Verdict judge(Lease& lease, const sql::SQLException& error, Repeat repeat, int tries);
  std::unique_ptr<MysqlSession> take();
  void give_back(std::unique_ptr<MysqlSession> session);
  void drop_idle();
  void note_failure(const std::string& detail);
  void report_lost(StorageErrc error, const std::string& detail);
  void watch();
  std::string words(const sql::SQLException& error) const;

  const discovery::MysqlAddress address_;
  const std::chrono::milliseconds retry_interval_;
  StorageEvents& events_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::unique_ptr<MysqlSession>> idle_;
  std::size_t busy_ = 0;
  std::optional<Clock::time_point> lost_since_;
  std::string last_failure_;
  bool closing_ = false;
  std::thread watcher_;
};

}  // namespace server
