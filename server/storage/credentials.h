#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "server/storage/error.h"
#include "xmpp/sasl/scram.h"

namespace server {

namespace asio = boost::asio;

class BlockingPool;

/// What is stored of a password: enough to check it, too little to log in with (T1).
struct Credentials {
  xmpp::ScramKeys sha1;
  xmpp::ScramKeys sha256;
};

/// RFC 7677 §4 asks for at least 4,096 rounds; hardening T1 for 10,000.
constexpr int scram_iterations = 10'000;

/// Derives the keys of `password` with fresh random salts. Takes about 10 ms of CPU: not on a loop.
/// Errors: bad_password.
Result<Credentials> derive_credentials(std::string_view password);

/// The same on `pool`, for registration and administration. Errors also: those of BlockingPool.
/// The password is wiped from memory when it has been used.
asio::awaitable<Result<Credentials>> make_credentials(BlockingPool& pool, std::string password);

}  // namespace server
