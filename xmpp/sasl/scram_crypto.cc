#include "xmpp/sasl/scram_crypto.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cassert>
#include <limits>

namespace xmpp {
namespace {

const EVP_MD* digest_of(ScramHash hash) {
  return hash == ScramHash::sha1 ? EVP_sha1() : EVP_sha256();
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

Secret scram_hmac(ScramHash hash, std::string_view key, std::string_view text) {
  std::string out(scram_key_bytes(hash), '\0');
  unsigned size = 0;
  [[maybe_unused]] const unsigned char* done =
      HMAC(digest_of(hash), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(),
           bytes_of(out), &size);
  assert(done != nullptr && size == out.size());
  return Secret(std::move(out));
}

Secret scram_digest(ScramHash hash, std::string_view bytes) {
  std::string out(scram_key_bytes(hash), '\0');
  unsigned size = 0;
  [[maybe_unused]] const int done =
      EVP_Digest(bytes.data(), bytes.size(), bytes_of(out), &size, digest_of(hash), nullptr);
  assert(done == 1 && size == out.size());
  return Secret(std::move(out));
}

std::string scram_xor(std::string_view a, std::string_view b) {
  assert(a.size() == b.size());
  std::string out(a);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<char>(out[i] ^ b[i]);
  }
  return out;
}

Result<Secret> scram_salted_password(ScramHash hash, std::string_view password,
                                     std::string_view salt, std::uint32_t iterations) {
  Result<std::string> prepared = sasl_prep(password);
  if (!prepared) return prepared.error();
  const Secret normalized(std::move(*prepared));
  if (iterations == 0 || iterations > std::numeric_limits<int>::max()) return Errc::unsupported;
  std::string out(scram_key_bytes(hash), '\0');
  [[maybe_unused]] const int done =
      PKCS5_PBKDF2_HMAC(normalized.reveal().data(), static_cast<int>(normalized.reveal().size()),
                        bytes_of(salt), static_cast<int>(salt.size()), static_cast<int>(iterations),
                        digest_of(hash), static_cast<int>(out.size()), bytes_of(out));
  assert(done == 1);
  return Secret(std::move(out));
}

}  // namespace xmpp
