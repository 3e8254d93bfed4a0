#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "xmpp/error.h"
#include "xmpp/sasl/secret.h"

namespace xmpp {

// The HT mechanisms (draft-schmaus-kitten-sasl-ht): a client proves that it has a token, and the
// server that it knows it, with one message each.

/// Named for the channel that a login is bound to.
enum class TokenMechanism : std::uint8_t { expr, endp, none };

/// Best first.
inline constexpr std::array token_mechanisms = {TokenMechanism::expr, TokenMechanism::endp,
                                                TokenMechanism::none};

/// The registered name, such as "HT-SHA-256-ENDP".
std::string_view name(TokenMechanism mechanism) noexcept;

std::optional<TokenMechanism> find_token_mechanism(std::string_view name) noexcept;

/// The type of channel binding that it needs; empty: none.
std::string_view binding_type(TokenMechanism mechanism) noexcept;

/// The client's message: who it is, and its proof. `binding` is raw, and empty where there is none.
std::string token_message(std::string_view user, const Secret& token, std::string_view binding);

struct TokenMessage {
  std::string user;
  std::string proof;
};

/// Errors: SaslError::malformed_request.
Result<TokenMessage> parse_token_message(std::string_view message);

/// A token of 256 bits that nobody makes without `secret`: the same for the same `text`, which says
/// what it is for.
Secret derived_token(const Secret& secret, std::string_view text);

/// What the proof of a client that has `token` is.
Secret token_proof(const Secret& token, std::string_view binding);

/// The server's message: its own proof.
std::string token_answer(const Secret& token, std::string_view binding);

}  // namespace xmpp
