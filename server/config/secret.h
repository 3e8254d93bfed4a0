#pragma once

#include <boost/system/result.hpp>
#include <string>

#include "xmpp/sasl/secret.h"

namespace server {

/// A password, token or shared secret: neither reaches a log by accident nor is compared in
/// variable time (hardening T3, P15).
using Secret = xmpp::Secret;

/// Why a secret could not be had, for a person to read.
struct SecretFault {
  std::string message;
  std::string fix;
};

/// Reads a file's first line. Faults: absent, unreadable, readable by others than its owner and
/// group (hardening T5), longer than 1,023 bytes, empty, or a placeholder such as `changeme` (H10).
boost::system::result<Secret, SecretFault> read_secret(const std::string& path);

/// The same, but an absent file is made first, with 128 random bits and mode 0600.
boost::system::result<Secret, SecretFault> read_or_create_token(const std::string& path);

}  // namespace server
