#include <cassert>
#include <utility>

#include "xmpp/escape.h"
#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/scram.h"
#include "xmpp/sasl/scram_message.h"

namespace xmpp {

ScramServer::ScramServer(ScramServerOptions options) : options_(std::move(options)) {
  assert(is_scram(options_.mechanism));
}

Result<ScramServer::Identity> ScramServer::begin(std::string_view client_first) {
  assert(stage_ == Stage::begin);
  stage_ = Stage::done;  // Until it is known to be good.
  // gs2-header = gs2-cbind-flag "," [ "a=" saslname ] ","
  std::string_view rest = client_first;
  std::string_view flag = rest.substr(0, rest.find(','));
  if (flag.size() == rest.size() || flag.empty() || !is_utf8(client_first) ||
      client_first.find('\0') != client_first.npos) {
    return SaslError::malformed_request;
  }
  rest.remove_prefix(flag.size() + 1);
  Identity identity;
  if (rest.starts_with(',')) {
    rest.remove_prefix(1);
  } else {
    const auto authzid = scram::take_attribute(rest, 'a');
    const auto decoded = authzid ? scram::decode_name(*authzid) : std::nullopt;
    if (!decoded) {
      return SaslError::malformed_request;
    }
    identity.authzid = *decoded;
  }
  gs2_header_ = client_first.substr(0, client_first.size() - rest.size());
  client_first_bare_ = rest;
  // An "m=" here is an extension that we would have to understand (RFC 5802 §5.1): refused.
  const auto username = scram::take_attribute(rest, 'n');
  const auto decoded = username ? scram::decode_name(*username) : std::nullopt;
  const auto nonce = scram::take_attribute(rest, 'r');
  if (!decoded || !nonce || !scram::is_nonce(*nonce)) {
    return SaslError::malformed_request;
  }
  identity.username = *decoded;

  // RFC 5802 §6, hardening P13.
  if (flag.starts_with("p=")) {
    flag.remove_prefix(2);
    if (!is_plus(options_.mechanism)) {
      return SaslError::malformed_request;
    }
    const ChannelBinding* found = nullptr;
    for (const ChannelBinding& binding : options_.bindings) {
      found = binding.type == flag ? &binding : found;
    }
    if (found == nullptr) {
      is_binding_mismatch_ = true;
      return SaslError::not_authorized;
    }
    binding_data_ = found->data;
  } else if (flag == "n" || flag == "y") {
    if (is_plus(options_.mechanism)) {
      return SaslError::malformed_request;
    }
    // "y": the client could bind and saw no -PLUS. If we offered it, somebody took it away.
    if (flag == "y" && options_.is_plus_offered) {
      is_binding_mismatch_ = true;
      return SaslError::not_authorized;
    }
  } else {
    return SaslError::malformed_request;
  }
  nonce_ = std::string(*nonce) +
           (options_.nonce.empty() ? base64_encode(random_bytes(18)) : options_.nonce);
  stage_ = Stage::challenge;
  return identity;
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
  const std::size_t proof_at = client_final.rfind(",p=");
  if (proof_at == client_final.npos) {
    return SaslError::malformed_request;
  }
  const std::string_view without_proof = client_final.substr(0, proof_at);
  std::string_view rest = without_proof;
  const auto binding = scram::take_attribute(rest, 'c');
  const auto nonce = scram::take_attribute(rest, 'r');
  const Result<std::string> proof = base64_decode(client_final.substr(proof_at + 3));
  const Result<std::string> bound = binding ? base64_decode(*binding) : Errc::bad_base64;
  if (!nonce || proof.has_error() || bound.has_error() ||
      proof->size() != scram_key_bytes(keys_.hash)) {
    return SaslError::malformed_request;
  }
  if (*nonce != nonce_) {
    return SaslError::not_authorized;
  }
  if (!Secret(gs2_header_ + binding_data_).same_as(*bound)) {
    is_binding_mismatch_ = true;
    return SaslError::not_authorized;
  }
  const std::string auth_message =
      client_first_bare_ + "," + server_first_ + "," + std::string(without_proof);
  const std::string signature = scram::hmac(keys_.hash, keys_.stored_key.reveal(), auth_message);
  const Secret client_key(scram::exclusive_or(*proof, signature));
  if (!keys_.stored_key.same_as(scram::hash(keys_.hash, client_key.reveal()))) {
    return SaslError::not_authorized;
  }
  return "v=" + base64_encode(scram::hmac(keys_.hash, keys_.server_key.reveal(), auth_message));
}

}  // namespace xmpp
