#include "xmpp/sasl/secret.h"

#include <openssl/crypto.h>

#include <ostream>

namespace xmpp {

// A moved-from string keeps a short value's bytes in its own buffer, so both moves wipe the source.
Secret::Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.wipe(); }

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();  // First: an assignment that needs more room would free the old bytes as they are.
    bytes_ = other.bytes_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::move(other.bytes_);
    other.wipe();
  }
  return *this;
}

Secret::~Secret() { wipe(); }

bool Secret::same_as(std::string_view bytes) const noexcept {
  return bytes.size() == bytes_.size() &&
         CRYPTO_memcmp(bytes.data(), bytes_.data(), bytes.size()) == 0;
}

void Secret::wipe() noexcept {
  bytes_.resize(bytes_.capacity());  // What an earlier, longer value left behind its end goes too.
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
  bytes_.clear();
}

std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

}  // namespace xmpp
