#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
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
/// every call, besides those named: bad_key, and those of Storage.
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
};

}  // namespace server
