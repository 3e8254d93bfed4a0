#include <openssl/rand.h>
#include <stringprep.h>

#include <array>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "xmpp/escape.h"
#include "xmpp/sasl/scram.h"
#include "xmpp/sasl/scram_message.h"

namespace xmpp {
namespace {

constexpr std::size_t password_bytes_max = 1023;  // hardening, limits.

ScramKeys keys_from(ScramHash hash, const Secret& salted, std::string salt,
                    std::uint32_t iterations) {
  const std::string client_key = scram::hmac(hash, salted.reveal(), "Client Key");
  return {.hash = hash,
          .salt = std::move(salt),
          .iterations = iterations,
          .stored_key = Secret(scram::hash(hash, client_key)),
          .server_key = Secret(scram::hmac(hash, salted.reveal(), "Server Key"))};
}

}  // namespace

std::size_t scram_key_bytes(ScramHash hash) noexcept { return hash == ScramHash::sha1 ? 20 : 32; }

std::string_view name(ScramHash hash) noexcept {
  return hash == ScramHash::sha1 ? "SCRAM-SHA-1" : "SCRAM-SHA-256";
}

ScramHash scram_hash(Mechanism mechanism) noexcept {
  assert(is_scram(mechanism));
  return mechanism == Mechanism::scram_sha_1 || mechanism == Mechanism::scram_sha_1_plus
             ? ScramHash::sha1
             : ScramHash::sha256;
}

std::string random_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size)) != 1) {
    std::abort();  // Predictable nonces and salts would be worse (hardening T2).
  }
  return bytes;
}

Result<std::string> sasl_prep(std::string_view text) {
  if (text.empty() || text.size() > password_bytes_max || !is_utf8(text) ||
      text.find('\0') != text.npos) {
    return Errc::password_malformed;
  }
  std::array<char, 8 * password_bytes_max> buffer;
  std::memcpy(buffer.data(), text.data(), text.size());
  buffer[text.size()] = '\0';
  const int status =
      stringprep(buffer.data(), buffer.size(), Stringprep_profile_flags{}, stringprep_saslprep);
  std::string prepared = status == STRINGPREP_OK ? buffer.data() : "";
  if (prepared.empty() || prepared.size() > password_bytes_max) {
    return Errc::password_malformed;
  }
  return prepared;
}

Result<ScramKeys> derive_scram_keys(ScramHash hash, std::string_view password, std::string salt,
                                    std::uint32_t iterations) {
  assert(!salt.empty() && iterations != 0);
  const Result<std::string> prepared = sasl_prep(password);
  if (prepared.has_error()) {
    return prepared.error();
  }
  const Secret salted = scram::salted_password(hash, *prepared, salt, iterations);
  return keys_from(hash, salted, std::move(salt), iterations);
}

ScramKeys fake_scram_keys(std::string_view secret, std::string_view username, ScramHash hash,
                          std::uint32_t iterations) {
  // Always by SHA-256 and with a label each: what is sent (the salt) tells nothing of the rest.
  const auto derive = [&](std::string_view label) {
    std::string input(label);
    input.push_back('\0');
    return scram::hmac(ScramHash::sha256, secret, input.append(username));
  };
  return {.hash = hash,
          .salt = derive(name(hash)).substr(0, scram_salt_bytes),
          .iterations = iterations,
          .stored_key = Secret(derive("stored").substr(0, scram_key_bytes(hash))),
          .server_key = Secret(derive("server").substr(0, scram_key_bytes(hash)))};
}

bool is_password_of(const ScramKeys& keys, std::string_view password) {
  const Result<ScramKeys> derived =
      derive_scram_keys(keys.hash, password, keys.salt, keys.iterations);
  return derived.has_value() && derived->stored_key.same_as(keys.stored_key.reveal());
}

}  // namespace xmpp
