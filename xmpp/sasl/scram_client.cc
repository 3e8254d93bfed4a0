#include <cassert>
#include <utility>

#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/scram.h"
#include "xmpp/sasl/scram_crypto.h"
#include "xmpp/sasl/scram_message.h"

namespace xmpp {
namespace {

constexpr std::size_t nonce_bytes = 18;
constexpr std::uint32_t iterations_min = 4'096;  // RFC 5802 §5.1, RFC 7677 §4.

bool is_salted_with(const SaltedPassword& salted, ScramHash hash, const ScramServerFirst& first) {
  return salted.hash == hash && salted.iterations == first.iterations &&
         salted.salt == first.salt && !salted.client_key.is_empty();
}

}  // namespace

ScramClient::ScramClient(ScramClientOptions options) : options_(std::move(options)) {
  assert(is_scram(options_.mechanism));
  assert(!is_plus(options_.mechanism) || !options_.binding.type.empty());
  nonce_ = options_.nonce.empty() ? base64_encode(random_bytes(nonce_bytes)) : options_.nonce;
}

std::string ScramClient::first() {
  if (is_plus(options_.mechanism)) {
    gs2_header_ = "p=" + options_.binding.type + ",";
  } else {
    gs2_header_ = options_.binding.type.empty() ? "n," : "y,";
  }
  if (!options_.authzid.empty()) gs2_header_ += "a=" + scram_escape(options_.authzid);
  gs2_header_ += ",";
  client_first_bare_ = "n=" + scram_escape(options_.username) + ",r=" + nonce_;
  return gs2_header_ + client_first_bare_;
}

Result<std::string> ScramClient::respond(std::string_view server_first) {
  const Result<ScramServerFirst> parsed = parse_scram_server_first(server_first);
  if (!parsed) return parsed.error();
  // RFC 5802 §5.1: the server's nonce is ours with something of its own behind it.
  if (!parsed->nonce.starts_with(nonce_) || parsed->nonce.size() == nonce_.size()) {
    return SaslError::aborted;
  }
  if (parsed->iterations < iterations_min || parsed->iterations > options_.iterations_max) {
    return SaslError::aborted;
  }

  const ScramHash hash = scram_hash(options_.mechanism);
  SaltedPassword own;
  SaltedPassword& salted = options_.cache != nullptr ? *options_.cache : own;
  if (!is_salted_with(salted, hash, *parsed)) {
    const Result<Secret> password =
        scram_salted_password(hash, options_.password.reveal(), parsed->salt, parsed->iterations);
    if (!password) return password.error();
    salted.hash = hash;
    salted.salt = parsed->salt;
    salted.iterations = parsed->iterations;
    salted.client_key = scram_hmac(hash, password->reveal(), "Client Key");
    salted.server_key = scram_hmac(hash, password->reveal(), "Server Key");
  }

  std::string binding = gs2_header_;
  if (is_plus(options_.mechanism)) binding += options_.binding.data;
  std::string message = "c=" + base64_encode(binding) + ",r=" + parsed->nonce;
  auth_message_ = scram_auth_message(client_first_bare_, server_first, message);
  server_key_ = salted.server_key;

  const Secret stored_key = scram_digest(hash, salted.client_key.reveal());
  const Secret signature = scram_hmac(hash, stored_key.reveal(), auth_message_);
  message += ",p=" + base64_encode(scram_xor(salted.client_key.reveal(), signature.reveal()));
  return message;
}

Result<void> ScramClient::verify(std::string_view server_final) const {
  const Result<std::string> signature = parse_scram_server_final(server_final);
  // Without a server key nothing was asked yet, so nothing can have been answered.
  if (!signature || server_key_.is_empty()) return SaslError::not_authorized;
  const ScramHash hash = scram_hash(options_.mechanism);
  if (!scram_hmac(hash, server_key_.reveal(), auth_message_).same_as(*signature)) {
    return SaslError::not_authorized;
  }
  return {};
}

}  // namespace xmpp
