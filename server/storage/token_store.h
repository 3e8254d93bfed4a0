#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "server/storage/credentials.h"
#include "server/storage/storage.h"
#include "xmpp/sasl/hashed_token.h"
#include "xmpp/sasl/secret.h"

namespace server {

namespace asio = boost::asio;

/// What of an account's password goes into its tokens; empty where nothing of it is stored.
xmpp::Secret password_key(const Credentials& credentials);

/// One installation of a client, of one account: whose a token is.
struct TokenOwner {
  std::string local, domain;
  std::string client;  ///< Up to 255 bytes.
};

/// A token for a client to log in with until `expires`, in seconds since 1970.
struct LoginToken {
  xmpp::Secret token;
  std::uint64_t expires = 0;
};

/// A login with a token (XEP-0484 §4).
struct TokenLogin {
  xmpp::TokenMechanism mechanism = xmpp::TokenMechanism::none;
  std::string proof = {};
  std::string binding = {};                 ///< Of this connection, raw.
  std::optional<std::uint64_t> count = {};  ///< How often the client says it has used the token.
  bool is_last = false;                     ///< From now on the token is worth nothing.

  /// A new token is wanted, for this mechanism.
  std::optional<xmpp::TokenMechanism> wanted = {};
};

struct TokenVerdict {
  enum class Kind : std::uint8_t { accepted, refused, expired } kind = Kind::refused;
  std::string answer = {};              ///< To an accepted one: the server's own proof.
  std::optional<LoginToken> next = {};  ///< Wanted, or due.
};

/// The tokens with which clients log in without a password (XEP-0484): at most two a client, the
/// one in use and a newer one that has not been used yet.
///
/// No token is stored. It is derived from a secret of the cluster, from what is stored of the
/// account's password, and from a seed, which is what its row has: a copy of the database lets
/// nobody log in, and a new password ends all tokens from before (hardening P21, P22). Design:
/// docs/design/0019-one-round-trip-logins.md
///
/// Threads: all members may be called from any loop; answers come back on the caller's. Errors:
/// bad_key, and those of Storage.
class TokenStore {
 public:
  /// `secret` is the same on all nodes.
  TokenStore(Storage& storage, xmpp::Secret secret, std::chrono::seconds lifetime);

  static constexpr std::size_t clients_max = 20;  ///< Of an account; more, and the oldest goes.

  /// A first token for a client that has logged in with the password of `password_key`. What it had
  /// been given, and had not used, is worth nothing now.
  asio::awaitable<Result<LoginToken>> issue(TokenOwner owner, xmpp::TokenMechanism mechanism,
                                            xmpp::Secret password_key);

  /// Whether a login is the owner's. A login that is accepted with a count is never accepted with
  /// it again, on whatever node.
  asio::awaitable<Result<TokenVerdict>> use(TokenOwner owner, TokenLogin login);

 private:
  class Ledger;

  Storage& storage_;
  const xmpp::Secret secret_;
  const std::chrono::seconds lifetime_;
};

}  // namespace server
