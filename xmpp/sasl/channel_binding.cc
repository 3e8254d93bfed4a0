#include "xmpp/sasl/channel_binding.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>

namespace xmpp {

Result<ChannelBinding> tls_exporter_binding(SSL* ssl) {
  if (ssl == nullptr || !SSL_is_init_finished(ssl)) return Errc::unsupported;
  // RFC 9266 §4.2: before TLS 1.3 the exporter is unique only with RFC 7627's master secret.
  if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1) {
    return Errc::unsupported;
  }
  constexpr std::string_view label = "EXPORTER-Channel-Binding";
  std::array<unsigned char, 32> bytes{};
  // RFC 9266 §2: the context is the empty string, which in TLS 1.2 is not the same as none.
  constexpr unsigned char no_context = 0;
  if (SSL_export_keying_material(ssl, bytes.data(), bytes.size(), label.data(), label.size(),
                                 &no_context, 0, 1) != 1) {
    return Errc::unsupported;
  }
  return ChannelBinding{std::string(tls_exporter), std::string(bytes.begin(), bytes.end())};
}

Result<ChannelBinding> tls_server_end_point_binding(const X509* server_certificate) {
  if (server_certificate == nullptr) return Errc::unsupported;
  int digest_nid = NID_undef;
  // Takes no const pointer as it may fill the certificate's own cache of extensions, under a lock.
  if (X509_get_signature_info(const_cast<X509*>(server_certificate), &digest_nid, nullptr, nullptr,
                              nullptr) != 1 ||
      digest_nid == NID_undef) {
    return Errc::unsupported;
  }
  // RFC 5929 §4.1: MD5 and SHA-1 give way to SHA-256.
  if (digest_nid == NID_md5 || digest_nid == NID_sha1) digest_nid = NID_sha256;
  const EVP_MD* digest = EVP_get_digestbynid(digest_nid);
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  if (digest == nullptr || X509_digest(server_certificate, digest, bytes.data(), &size) != 1) {
    return Errc::unsupported;
  }
  return ChannelBinding{std::string(tls_server_end_point),
                        std::string(bytes.begin(), bytes.begin() + size)};
}

}  // namespace xmpp
