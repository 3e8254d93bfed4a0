#include "xmpp/sasl/hashed_token.h"

#include "xmpp/escape.h"
#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/channel_binding.h"
#include "xmpp/sasl/sasl_error.h"
#include "xmpp/sasl/scram_crypto.h"

namespace xmpp {
namespace {

Secret proof(std::string_view who, const Secret& token, std::string_view binding) {
  return scram_hmac(ScramHash::sha256, token.reveal(), std::string(who).append(binding));
}

}  // namespace

std::string_view name(TokenMechanism mechanism) noexcept {
  switch (mechanism) {
    case TokenMechanism::expr:
      return "HT-SHA-256-EXPR";
    case TokenMechanism::endp:
      return "HT-SHA-256-ENDP";
    case TokenMechanism::none:
      break;
  }
  return "HT-SHA-256-NONE";
}

std::optional<TokenMechanism> find_token_mechanism(std::string_view text) noexcept {
  for (const TokenMechanism mechanism : token_mechanisms) {
    if (name(mechanism) == text) return mechanism;
  }
  return std::nullopt;
}

std::string_view binding_type(TokenMechanism mechanism) noexcept {
  switch (mechanism) {
    case TokenMechanism::expr:
      return tls_exporter;
    case TokenMechanism::endp:
      return tls_server_end_point;
    case TokenMechanism::none:
      break;
  }
  return {};
}

std::string token_message(std::string_view user, const Secret& token, std::string_view binding) {
  return std::string(user).append(1, '\0').append(token_proof(token, binding).reveal());
}

Result<TokenMessage> parse_token_message(std::string_view message) {
  // authcid NUL hash, which may hold NULs of its own.
  const std::size_t end = message.find('\0');
  if (end == 0 || end == std::string_view::npos || !is_utf8(message.substr(0, end)) ||
      message.size() - end - 1 != scram_key_bytes(ScramHash::sha256)) {
    return SaslError::malformed_request;
  }
  return TokenMessage{.user = std::string(message.substr(0, end)),
                      .proof = std::string(message.substr(end + 1))};
}

Secret derived_token(const Secret& secret, std::string_view text) {
  return Secret(base64_encode(scram_hmac(ScramHash::sha256, secret.reveal(), text).reveal()));
}

Secret token_proof(const Secret& token, std::string_view binding) {
  return proof("Initiator", token, binding);
}

std::string token_answer(const Secret& token, std::string_view binding) {
  return proof("Responder", token, binding).reveal();
}

}  // namespace xmpp
