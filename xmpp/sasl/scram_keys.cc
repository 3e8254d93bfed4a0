#include <openssl/rand.h>
#include <stringprep.h>

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "xmpp/escape.h"
#include "xmpp/sasl/scram.h"
#include "xmpp/sasl/scram_crypto.h"

namespace xmpp {
namespace {

constexpr std::size_t prepared_bytes_max = 1'023;

}  // namespace

std::size_t scram_key_bytes(ScramHash hash) noexcept { return hash == ScramHash::sha1 ? 20 : 32; }

std::string_view name(ScramHash hash) noexcept {
  return name(hash == ScramHash::sha1 ? Mechanism::scram_sha_1 : Mechanism::scram_sha_256);
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
    std::abort();  // Without randomness no nonce, salt or session of this process means anything.
  }
  return bytes;
}

Result<ScramKeys> derive_scram_keys(ScramHash hash, std::string_view password, std::string salt,
                                    std::uint32_t iterations) {
  const Result<Secret> salted = scram_salted_password(hash, password, salt, iterations);
  if (!salted) return salted.error();
  ScramKeys keys;
  keys.hash = hash;
  keys.salt = std::move(salt);
  keys.iterations = iterations;
  keys.stored_key = scram_digest(hash, scram_hmac(hash, salted->reveal(), "Client Key").reveal());
  keys.server_key = scram_hmac(hash, salted->reveal(), "Server Key");
  return keys;
}

ScramKeys fake_scram_keys(std::string_view secret, std::string_view username, ScramHash hash,
                          std::uint32_t iterations) {
  // One label a use, so that no two of the values tell of each other.
  const auto value = [&](std::string_view use, std::size_t size) {
    std::string text(use);
    text += name(hash);
    text += '\0';
    text += username;
    return std::string(scram_hmac(ScramHash::sha256, secret, text).reveal().substr(0, size));
  };
  ScramKeys keys;
  keys.hash = hash;
  keys.salt = value("salt:", scram_salt_bytes);
  keys.iterations = iterations;
  keys.stored_key = Secret(value("stored:", scram_key_bytes(hash)));
  keys.server_key = Secret(value("server:", scram_key_bytes(hash)));
  return keys;
}

bool is_password_of(const ScramKeys& keys, std::string_view password) {
  const Result<ScramKeys> own = derive_scram_keys(keys.hash, password, keys.salt, keys.iterations);
  return own && keys.stored_key.same_as(own->stored_key.reveal());
}

Result<std::string> sasl_prep(std::string_view text) {
  if (text.empty() || text.size() > prepared_bytes_max || !is_utf8(text) ||
      text.find('\0') != std::string_view::npos) {
    return Errc::password_malformed;
  }
  // Printable ASCII is left as it is.
  if (std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; })) {
    return std::string(text);
  }
  std::string buffer(prepared_bytes_max + 1, '\0');
  std::copy(text.begin(), text.end(), buffer.begin());
  // RFC 5802 §2.2: as a stored string, so code points that Unicode 3.2 lacks are refused.
  const int result =
      stringprep(buffer.data(), buffer.size(), STRINGPREP_NO_UNASSIGNED, stringprep_saslprep);
  if (result != STRINGPREP_OK) return Errc::password_malformed;
  buffer.resize(std::strlen(buffer.c_str()));
  if (buffer.empty()) return Errc::password_malformed;
  return buffer;
}

}  // namespace xmpp
