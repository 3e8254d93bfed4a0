#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/storage/credentials.h"
#include "server/storage/error.h"

namespace server {

namespace asio = boost::asio;

/// The accounts of the domains that are served, and what is needed to check a login.
///
/// Names are those of a prepared JID (1..1,023 bytes of UTF-8 each) and are compared byte by byte:
/// no collation merges two accounts. Nothing is cut: what does not fit is refused.
///
/// Threads: all members may be called from any loop; answers come back on the caller's. Errors of
/// every call, besides those named: unavailable, busy, stopped, bad_key, too_long, access_denied,
/// broken.
class UserStore {
 public:
  virtual ~UserStore() = default;

  /// Absent when there is no such account.
  virtual asio::awaitable<Result<std::optional<Credentials>>> find(std::string local,
                                                                   std::string domain) = 0;

  virtual asio::awaitable<Result<bool>> exists(std::string local, std::string domain) = 0;

  /// Of several that create one account at once, on any node, one wins. Errors: conflict. After
  /// `unavailable` the account may or may not have been made: the connection was lost in between.
  virtual asio::awaitable<Result<void>> create(std::string local, std::string domain,
                                               Credentials credentials) = 0;

  /// Errors: no_such_user.
  virtual asio::awaitable<Result<void>> set_credentials(std::string local, std::string domain,
                                                        Credentials credentials) = 0;

  /// Errors: no_such_user.
  virtual asio::awaitable<Result<void>> remove(std::string local, std::string domain) = 0;

  /// The locals of `domain` that come after `after` (empty: from the first) in byte order, at most
  /// `limit`, which is capped at 1,000. Ask on with the last one got.
  virtual asio::awaitable<Result<std::vector<std::string>>> list(std::string domain,
                                                                 std::string after,
                                                                 std::size_t limit) = 0;

  /// Whether the database answered last time; while it does not, calls fail at once, and it is
  /// tried again in the background.
  [[nodiscard]] virtual bool available() const = 0;

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
  [[nodiscard]] virtual Status status() const = 0;

  /// Refuses new calls, ends those that wait with `stopped`, waits for those that run. Blocks, at
  /// most for a statement's time limit: not on a loop with calls to answer. The last call.
  virtual void stop() = 0;
};

}  // namespace server
