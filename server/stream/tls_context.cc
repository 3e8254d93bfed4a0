#include "server/stream/tls_context.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstring>
#include <utility>

#include "xmpp/sasl/scram.h"

namespace server {
namespace {

using Made = boost::system::result<std::shared_ptr<const TlsContext>, std::string>;

std::string openssl_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

SSL_CTX* new_context() {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr) return nullptr;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET |
                                   SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  // One system call for a record's header and body: what comes is read ahead.
  SSL_CTX_set_read_ahead(context, 1);
  // An idle connection gives its record buffers back; the queue's bytes may move between retries.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

struct KeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct CertificateFree {
  void operator()(X509* certificate) const { X509_free(certificate); }
};

}  // namespace

Made TlsContext::finish(std::shared_ptr<TlsContext> tls) {
  X509* certificate = SSL_CTX_get0_certificate(tls->context_.get());
  if (certificate == nullptr) return std::string("the certificate file holds no certificate");
  // RFC 5929 §4.1: the signature's own hash, but SHA-256 in place of MD5 and SHA-1.
  int digest_id = NID_undef;
  X509_get_signature_info(certificate, &digest_id, nullptr, nullptr, nullptr);
  const EVP_MD* digest = digest_id == NID_undef || digest_id == NID_md5 || digest_id == NID_sha1
                             ? EVP_sha256()
                             : EVP_get_digestbynid(digest_id);
  if (digest == nullptr) digest = EVP_sha256();
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (X509_digest(certificate, digest, hash, &size) != 1) return openssl_reason();
  tls->server_end_point_.assign(reinterpret_cast<const char*>(hash), size);
  return std::shared_ptr<const TlsContext>(std::move(tls));
}

Made TlsContext::load(const std::string& certificate_file, const std::string& key_file) {
  std::shared_ptr<TlsContext> tls(new TlsContext);
  tls->context_.reset(new_context());
  if (!tls->context_) return openssl_reason();
  SSL_CTX* context = tls->context_.get();
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    return "cannot read the certificate " + certificate_file + ": " + openssl_reason();
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    const bool is_of_another = ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH;
    const std::string reason = openssl_reason();
    if (!is_of_another) return "cannot read the key " + key_file + ": " + reason;
    return "the key " + key_file + " does not belong to the certificate " + certificate_file;
  }
  return finish(std::move(tls));
}

Made TlsContext::self_signed(const std::vector<std::string>& domains) {
  std::unique_ptr<EVP_PKEY, KeyFree> key(EVP_EC_gen("P-256"));
  std::unique_ptr<X509, CertificateFree> certificate(X509_new());
  if (!key || !certificate) return openssl_reason();

  // RFC 5280 §4.1.2.2: positive and unpredictable.
  std::uint64_t serial = 0;
  std::memcpy(&serial, xmpp::random_bytes(sizeof serial).data(), sizeof serial);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 365L * 24 * 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>("Meerkat, self-signed"), -1, -1,
                             0);
  X509_set_issuer_name(certificate.get(), name);

  std::string names;
  for (const std::string& domain : domains) {
    if (!names.empty()) names += ',';
    names += "DNS:" + domain;
  }
  X509_EXTENSION* alternatives =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
  if (alternatives == nullptr) return openssl_reason();
  X509_add_ext(certificate.get(), alternatives, -1);
  X509_EXTENSION_free(alternatives);
  if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) return openssl_reason();

  std::shared_ptr<TlsContext> tls(new TlsContext);
  tls->context_.reset(new_context());
  if (!tls->context_ || SSL_CTX_use_certificate(tls->context_.get(), certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(tls->context_.get(), key.get()) != 1) {
    return openssl_reason();
  }
  return finish(std::move(tls));
}

}  // namespace server
