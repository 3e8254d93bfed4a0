#pragma once

#include <string>
#include <string_view>

#include "xmpp/error.h"

namespace xmpp {

/// RFC 4648 §4, with padding.
std::string base64_encode(std::string_view bytes);

/// Strict: no white space, no missing or extra padding, no set bits in what padding hides, so each
/// value has one encoding. Error: bad_base64 (to a SASL peer `<incorrect-encoding/>`).
Result<std::string> base64_decode(std::string_view text);

/// What an `<auth/>`, `<challenge/>`, `<response/>` or `<success/>` holds: "=" is the empty value
/// (RFC 6120 §6.4.2), and so is "". Decodes to at most 6 KiB.
/// Errors: SaslError::incorrect_encoding, SaslError::malformed_request (too long).
Result<std::string> sasl_payload_decode(std::string_view text);

/// The counterpart: "=" for the empty value.
std::string sasl_payload_encode(std::string_view bytes);

}  // namespace xmpp
