#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "server/storage/credentials.h"
#include "server/storage/error.h"

namespace server {

/// A database that holds the accounts, behind UserStore. Calls block; several threads may make
/// them at once. Names are checked by the caller. Errors as UserStore has them.
class UserDatabase {
 public:
  virtual ~UserDatabase() = default;

  virtual Result<std::optional<Credentials>> find(const std::string& local,
                                                  const std::string& domain) = 0;
  virtual Result<bool> exists(const std::string& local, const std::string& domain) = 0;
  virtual Result<void> create(const std::string& local, const std::string& domain,
                              const Credentials& credentials) = 0;
  virtual Result<void> set_credentials(const std::string& local, const std::string& domain,
                                       const Credentials& credentials) = 0;
  virtual Result<void> remove(const std::string& local, const std::string& domain) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& domain, const std::string& after,
                                                std::size_t limit) = 0;

  struct Health {
    bool available = true;
    std::size_t connections_busy = 0, connections_idle = 0;
    int schema_version = 0;
    std::string last_failure;
  };
  [[nodiscard]] virtual bool available() const = 0;
  [[nodiscard]] virtual Health health() const = 0;

  /// Ends what runs in the background. No call is running, none follows.
  virtual void close() = 0;
};

/// Keys as read from a row; absent when they cannot be keys of `hash`.
std::optional<xmpp::ScramKeys> stored_keys(xmpp::ScramHash hash, std::string salt,
                                           std::uint32_t iterations, std::string stored_key,
                                           std::string server_key);

}  // namespace server
