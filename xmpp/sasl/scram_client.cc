#include <cassert>
#include <charconv>
#include <utility>

#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/scram.h"
#include "xmpp/sasl/scram_message.h"

namespace xmpp {
namespace {

constexpr std::uint32_t iterations_min = 4096;  // RFC 5802 §5.1, RFC 7677 §4.

/// From the cache if it fits; else hashes, and writes the cache.
Result<SaltedPassword> salted(const ScramClientOptions& options, ScramHash hash, std::string salt,
                              std::uint32_t iterations) {
  if (options.cache != nullptr && options.cache->hash == hash && options.cache->salt == salt &&
      options.cache->iterations == iterations) {
    return *options.cache;
  }
  const Result<std::string> prepared = sasl_prep(options.password.reveal());
  if (prepared.has_error()) {
    return prepared.error();
  }
  const Secret password = scram::salted_password(hash, *prepared, salt, iterations);
  SaltedPassword fresh{.hash = hash,
                       .salt = std::move(salt),
                       .iterations = iterations,
                       .client_key = Secret(scram::hmac(hash, password.reveal(), "Client Key")),
                       .server_key = Secret(scram::hmac(hash, password.reveal(), "Server Key"))};
  if (options.cache != nullptr) {
    *options.cache = fresh;
  }
  return fresh;
}

}  // namespace

ScramClient::ScramClient(ScramClientOptions options) : options_(std::move(options)) {
  assert(is_scram(options_.mechanism));
  assert(!is_plus(options_.mechanism) || !options_.binding.type.empty());
}

std::string ScramClient::first() {
  if (is_plus(options_.mechanism)) {
    gs2_header_ = "p=" + options_.binding.type;
  } else {
    gs2_header_ = options_.binding.type.empty() ? "n" : "y";
  }
  gs2_header_ += ",";
  if (!options_.authzid.empty()) {
    gs2_header_ += "a=" + scram::encode_name(options_.authzid);
  }
  gs2_header_ += ",";
  nonce_ = options_.nonce.empty() ? base64_encode(random_bytes(18)) : options_.nonce;
  client_first_bare_ = "n=" + scram::encode_name(options_.username) + ",r=" + nonce_;
  return gs2_header_ + client_first_bare_;
}

Result<std::string> ScramClient::respond(std::string_view server_first) {
  std::string_view rest = server_first;
  const auto nonce = scram::take_attribute(rest, 'r');
  const auto salt_text = scram::take_attribute(rest, 's');
  const auto rounds = scram::take_attribute(rest, 'i');
  if (!nonce || !salt_text || !rounds || !scram::is_nonce(*nonce)) {
    return SaslError::malformed_request;
  }
  Result<std::string> salt = base64_decode(*salt_text);
  std::uint32_t iterations = 0;
  const auto [end, error] =
      std::from_chars(rounds->data(), rounds->data() + rounds->size(), iterations);
  if (salt.has_error() || salt->empty() || error != std::errc() ||
      end != rounds->data() + rounds->size()) {
    return SaslError::malformed_request;
  }
  if (!nonce->starts_with(nonce_) || nonce->size() == nonce_.size() ||
      iterations < iterations_min || iterations > options_.iterations_max) {
    return SaslError::aborted;
  }
  const ScramHash hash = scram_hash(options_.mechanism);
  const Result<SaltedPassword> keys = salted(options_, hash, std::move(*salt), iterations);
  if (keys.has_error()) {
    return keys.error();
  }
  server_key_ = keys->server_key;
  const std::string& binding = is_plus(options_.mechanism) ? options_.binding.data : "";
  const std::string without_proof =
      "c=" + base64_encode(gs2_header_ + binding) + ",r=" + std::string(*nonce);
  auth_message_ = client_first_bare_ + "," + std::string(server_first) + "," + without_proof;
  const Secret stored_key(scram::hash(hash, keys->client_key.reveal()));
  const std::string signature = scram::hmac(hash, stored_key.reveal(), auth_message_);
  return without_proof +
         ",p=" + base64_encode(scram::exclusive_or(keys->client_key.reveal(), signature));
}

Result<void> ScramClient::verify(std::string_view server_final) const {
  const auto verifier = scram::take_attribute(server_final, 'v');
  const Result<std::string> signature = verifier ? base64_decode(*verifier) : Errc::bad_base64;
  if (auth_message_.empty() || signature.has_error() ||
      !Secret(scram::hmac(scram_hash(options_.mechanism), server_key_.reveal(), auth_message_))
           .same_as(*signature)) {
    return SaslError::not_authorized;
  }
  return {};
}

}  // namespace xmpp
