#include <algorithm>
#include <cassert>
#include <utility>

#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/scram.h"
#include "xmpp/sasl/scram_crypto.h"
#include "xmpp/sasl/scram_message.h"

namespace xmpp {
namespace {

constexpr std::size_t nonce_bytes = 18;  // 24 characters of base64 without padding.

}  // namespace

ScramServer::ScramServer(ScramServerOptions options) : options_(std::move(options)) {
  assert(is_scram(options_.mechanism));
  nonce_ = options_.nonce.empty() ? base64_encode(random_bytes(nonce_bytes)) : options_.nonce;
}

Result<ScramServer::Identity> ScramServer::begin(std::string_view client_first) {
  assert(stage_ == Stage::begin);
  stage_ = Stage::done;  // Until all is known to be well.
  Result<ScramClientFirst> parsed = parse_scram_client_first(client_first);
  if (!parsed) return parsed.error();

  if (parsed->binding_flag == 'p') {
    // RFC 5802 §6: 'p' goes with the -PLUS mechanisms alone.
    if (!is_plus(options_.mechanism)) return SaslError::malformed_request;
    const auto binding =
        std::find_if(options_.bindings.begin(), options_.bindings.end(),
                     [&](const ChannelBinding& b) { return b.type == parsed->binding_type; });
    if (binding == options_.bindings.end()) {
      is_binding_mismatch_ = true;
      return SaslError::not_authorized;
    }
    binding_data_ = binding->data;
  } else if (is_plus(options_.mechanism) ||
             (parsed->binding_flag == 'y' && options_.is_plus_offered)) {
    // RFC 5802 §6: with 'y' the client could bind but has seen no -PLUS, though we offered it:
    // somebody in between took it out of our features.
    is_binding_mismatch_ = true;
    return SaslError::not_authorized;
  }
  gs2_header_ = std::move(parsed->gs2_header);
  client_first_bare_ = std::move(parsed->bare);
  nonce_ = parsed->nonce + nonce_;
  stage_ = Stage::challenge;
  return Identity{std::move(parsed->authzid), std::move(parsed->username)};
}

std::string ScramServer::challenge(ScramKeys keys) {
  assert(stage_ == Stage::challenge && keys.hash == scram_hash(options_.mechanism));
  stage_ = Stage::finish;
  keys_ = std::move(keys);
  server_first_ =
      "r=" + nonce_ + ",s=" + base64_encode(keys_.salt) + ",i=" + std::to_string(keys_.iterations);
  return server_first_;
}

Result<std::string> ScramServer::finish(std::string_view client_final) {
  assert(stage_ == Stage::finish);
  stage_ = Stage::done;
  const Result<ScramClientFinal> parsed = parse_scram_client_final(client_final);
  if (!parsed) return parsed.error();
  if (parsed->binding != gs2_header_ + binding_data_) {
    is_binding_mismatch_ = true;
    return SaslError::not_authorized;
  }
  if (parsed->nonce != nonce_ || parsed->proof.size() != scram_key_bytes(keys_.hash)) {
    return SaslError::not_authorized;
  }
  const std::string auth_message =
      scram_auth_message(client_first_bare_, server_first_, parsed->without_proof);
  const Secret client_signature = scram_hmac(keys_.hash, keys_.stored_key.reveal(), auth_message);
  const Secret client_key(scram_xor(parsed->proof, client_signature.reveal()));
  if (!keys_.stored_key.same_as(scram_digest(keys_.hash, client_key.reveal()).reveal())) {
    return SaslError::not_authorized;
  }
  return "v=" +
         base64_encode(scram_hmac(keys_.hash, keys_.server_key.reveal(), auth_message).reveal());
}

}  // namespace xmpp
