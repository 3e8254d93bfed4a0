#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "xmpp/error.h"
#include "xmpp/sasl/scram.h"

/// What both sides of SCRAM share: the grammar of RFC 5802 §7, and its functions H and HMAC.
namespace xmpp::scram {

/// Takes `x=value` off the front, up to the ','; nothing if there is another name or no value.
std::optional<std::string_view> take_attribute(std::string_view& rest, char name);

/// RFC 5802 §5.1: ',' and '=' as `=2C` and `=3D`.
std::string encode_name(std::string_view name);
/// The reverse; nothing for another use of '='.
std::optional<std::string> decode_name(std::string_view name);

/// `printable` of the grammar: 0x21 to 0x7e without ','.
bool is_nonce(std::string_view text);

std::string hash(ScramHash hash, std::string_view bytes);
std::string hmac(ScramHash hash, std::string_view key, std::string_view bytes);
/// a XOR b; of the same size.
std::string exclusive_or(std::string_view a, std::string_view b);

/// SaltedPassword of RFC 5802 §3; the password is prepared.
Secret salted_password(ScramHash hash, std::string_view password, std::string_view salt,
                       std::uint32_t iterations);

}  // namespace xmpp::scram
