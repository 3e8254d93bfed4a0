#include "xmpp/sasl/scram_message.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cassert>

namespace xmpp::scram {
namespace {

const EVP_MD* digest(ScramHash hash) { return hash == ScramHash::sha1 ? EVP_sha1() : EVP_sha256(); }

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

std::optional<std::string_view> take_attribute(std::string_view& rest, char name) {
  if (rest.size() < 3 || rest[0] != name || rest[1] != '=') {
    return std::nullopt;
  }
  const std::size_t comma = rest.find(',');
  const std::string_view value = rest.substr(2, comma == rest.npos ? comma : comma - 2);
  rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
  return value.empty() ? std::nullopt : std::optional(value);
}

std::string encode_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == ',') {
      out += "=2C";
    } else if (c == '=') {
      out += "=3D";
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<std::string> decode_name(std::string_view name) {
  std::string out;
  for (std::size_t at = 0; at < name.size(); ++at) {
    if (name[at] != '=') {
      out += name[at];
      continue;
    }
    const std::string_view code = name.substr(at, 3);
    if (code != "=2C" && code != "=3D") {
      return std::nullopt;
    }
    out += code == "=2C" ? ',' : '=';
    at += 2;
  }
  return out;
}

bool is_nonce(std::string_view text) {
  for (const char c : text) {
    if (c < 0x21 || c > 0x7e || c == ',') {
      return false;
    }
  }
  return !text.empty();
}

// The calls below fail only when memory or the library itself does: nothing a peer sends gets here
// that they could refuse.

std::string hash(ScramHash hash, std::string_view bytes) {
  std::string out(scram_key_bytes(hash), '\0');
  unsigned size = 0;
  const int is_done =
      EVP_Digest(bytes.data(), bytes.size(), bytes_of(out), &size, digest(hash), nullptr);
  assert(is_done == 1 && size == out.size());
  return out;
}

std::string hmac(ScramHash hash, std::string_view key, std::string_view bytes) {
  std::string out(scram_key_bytes(hash), '\0');
  unsigned size = 0;
  const unsigned char* is_done = HMAC(digest(hash), key.data(), static_cast<int>(key.size()),
                                      bytes_of(bytes), bytes.size(), bytes_of(out), &size);
  assert(is_done != nullptr && size == out.size());
  return out;
}

std::string exclusive_or(std::string_view a, std::string_view b) {
  assert(a.size() == b.size());
  std::string out(a);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<char>(out[i] ^ b[i]);
  }
  return out;
}

Secret salted_password(ScramHash hash, std::string_view password, std::string_view salt,
                       std::uint32_t iterations) {
  std::string out(scram_key_bytes(hash), '\0');
  const int is_done =
      PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes_of(salt),
                        static_cast<int>(salt.size()), static_cast<int>(iterations), digest(hash),
                        static_cast<int>(out.size()), bytes_of(out));
  assert(is_done == 1);
  return Secret(std::move(out));
}

}  // namespace xmpp::scram
