#pragma once

#include <string>
#include <string_view>

#include "xmpp/error.h"
#include "xmpp/sasl/secret.h"

namespace xmpp {

/// The one message of PLAIN (RFC 4616).
struct PlainMessage {
  std::string authzid;  ///< Empty: the identity that goes with `authcid`.
  std::string authcid;  ///< The username.
  Secret password;
};

/// Errors: SaslError::malformed_request (not three parts, an empty name, not UTF-8);
/// SaslError::not_authorized (an empty password, or one over 1,023 bytes).
Result<PlainMessage> parse_plain(std::string_view message);

/// Error: SaslError::malformed_request for a part that contains NUL or is no UTF-8.
Result<std::string> make_plain(const PlainMessage& message);

}  // namespace xmpp
