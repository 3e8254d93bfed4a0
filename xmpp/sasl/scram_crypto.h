#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "xmpp/error.h"
#include "xmpp/sasl/scram.h"

namespace xmpp {

// The functions of RFC 5802 §2.2, over OpenSSL, which fails in none of them but for want of memory;
// that ends the process.

Secret scram_hmac(ScramHash hash, std::string_view key, std::string_view text);
Secret scram_digest(ScramHash hash, std::string_view bytes);

/// `a` XOR `b`, which are of one size.
std::string scram_xor(std::string_view a, std::string_view b);

/// Hi(Normalize(password), salt, iterations). Errors: password_malformed, unsupported (a count of 0
/// or over 2^31 - 1).
Result<Secret> scram_salted_password(ScramHash hash, std::string_view password,
                                     std::string_view salt, std::uint32_t iterations);

}  // namespace xmpp
