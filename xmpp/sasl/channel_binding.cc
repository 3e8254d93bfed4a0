#include "xmpp/sasl/channel_binding.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>

namespace xmpp {

Result<ChannelBinding> tls_exporter_binding(SSL* ssl) {
  constexpr std::string_view label = "EXPORTER-Channel-Binding";  // RFC 9266 §4.1.
  // §4.2: without the extended master secret two TLS 1.2 connections may export the same.
  if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1) {
    return Errc::unsupported;
  }
  std::array<unsigned char, 32> bytes;
  if (SSL_export_keying_material(ssl, bytes.data(), bytes.size(), label.data(), label.size(),
                                 reinterpret_cast<const unsigned char*>(""), 0, 1) != 1) {
    return Errc::unsupported;
  }
  return ChannelBinding{.type = std::string(tls_exporter),
                        .data = std::string(bytes.begin(), bytes.end())};
}

Result<ChannelBinding> tls_server_end_point_binding(const X509* server_certificate) {
  int digest_nid = NID_undef;
  if (server_certificate == nullptr ||
      OBJ_find_sigid_algs(X509_get_signature_nid(server_certificate), &digest_nid, nullptr) != 1) {
    return Errc::unsupported;
  }
  if (digest_nid == NID_undef &&
      X509_get_signature_info(const_cast<X509*>(server_certificate), &digest_nid, nullptr, nullptr,
                              nullptr) != 1) {
    return Errc::unsupported;  // RSASSA-PSS names its hash in the parameters.
  }
  if (digest_nid == NID_md5 || digest_nid == NID_sha1) {
    digest_nid = NID_sha256;
  }
  const EVP_MD* digest = EVP_get_digestbynid(digest_nid);
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned size = 0;
  if (digest == nullptr || X509_digest(server_certificate, digest, bytes.data(), &size) != 1) {
    return Errc::unsupported;
  }
  return ChannelBinding{.type = std::string(tls_server_end_point),
                        .data = std::string(bytes.begin(), bytes.begin() + size)};
}

}  // namespace xmpp
