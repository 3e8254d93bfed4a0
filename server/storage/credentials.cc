#include "server/storage/credentials.h"

#include <utility>

#include "server/storage/blocking_pool.h"

namespace server {

Result<Credentials> derive_credentials(std::string_view password) {
  const auto derive = [&](xmpp::ScramHash hash) {
    return xmpp::derive_scram_keys(hash, password, xmpp::random_bytes(xmpp::scram_salt_bytes),
                                   xmpp::scram_iterations_default);
  };
  auto sha1 = derive(xmpp::ScramHash::sha1);
  if (sha1.has_error()) return StorageErrc::bad_password;
  auto sha256 = derive(xmpp::ScramHash::sha256);
  if (sha256.has_error()) return StorageErrc::bad_password;
  return Credentials{.sha1 = std::move(*sha1), .sha256 = std::move(*sha256)};
}

asio::awaitable<Result<Credentials>> make_credentials(BlockingPool& pool, xmpp::Secret password) {
  auto derive = [password = std::move(password)] { return derive_credentials(password.reveal()); };
  co_return co_await pool.run(std::move(derive));
}

}  // namespace server
