#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string_view>

#include "server/storage/error.h"
#include "xmpp/sasl/scram.h"
#include "xmpp/sasl/secret.h"

namespace server {

namespace asio = boost::asio;

class BlockingPool;

/// What is stored of a password: enough to check it, too little to log in with (T1). Both hashes,
/// but for an account that came from elsewhere with only one of them, or none: it cannot log in by
/// the other until it has a new password.
struct Credentials {
  std::optional<xmpp::ScramKeys> sha1, sha256;
};

/// Derives the keys of `password` with fresh random salts and
/// `xmpp::scram_iterations_default` rounds. Takes about 10 ms of CPU: not on a loop.
/// Errors: bad_password.
Result<Credentials> derive_credentials(std::string_view password);

/// The same on `pool`, for registration and administration. Errors also: those of BlockingPool.
asio::awaitable<Result<Credentials>> make_credentials(BlockingPool& pool, xmpp::Secret password);

}  // namespace server
