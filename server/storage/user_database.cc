#include "server/storage/user_database.h"

#include <utility>

namespace server {

std::optional<xmpp::ScramKeys> stored_keys(xmpp::ScramHash hash, std::string salt,
                                           std::uint32_t iterations, std::string stored_key,
                                           std::string server_key) {
  const std::size_t key_bytes = xmpp::scram_key_bytes(hash);
  if (salt.empty() || iterations == 0 || stored_key.size() != key_bytes ||
      server_key.size() != key_bytes) {
    return std::nullopt;
  }
  return xmpp::ScramKeys{.hash = hash,
                         .salt = std::move(salt),
                         .iterations = iterations,
                         .stored_key = xmpp::Secret(std::move(stored_key)),
                         .server_key = xmpp::Secret(std::move(server_key))};
}

}  // namespace server
