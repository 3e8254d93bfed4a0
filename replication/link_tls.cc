#include "replication/link_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cassert>
#include <utility>

namespace replication {
namespace {

constexpr std::string_view node_place = "{node}";

std::string openssl_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

SSL_CTX* new_context() {
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  if (context == nullptr) return nullptr;
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // A link lives for days: resuming would save nothing, and skip the look at the certificates.
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // A link's buffer is filled anew after each write, at another place perhaps.
  SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

}  // namespace

void LinkTls::ContextFree::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

LinkTls::Made LinkTls::load(const LinkTlsOptions& options) {
  assert(options.mode != TlsMode::off);
  std::shared_ptr<LinkTls> tls(new LinkTls(options));
  tls->context_.reset(new_context());
  SSL_CTX* context = tls->context_.get();
  if (context == nullptr) return openssl_reason();
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate.c_str()) != 1) {
    return "cannot read the certificate " + options.certificate + ": " + openssl_reason();
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    const bool is_of_another = ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH;
    const std::string reason = openssl_reason();
    if (!is_of_another) return "cannot read the key " + options.key + ": " + reason;
    return "the key " + options.key + " does not belong to the certificate " + options.certificate;
  }
  if (SSL_CTX_load_verify_file(context, options.ca.c_str()) != 1) {
    return "cannot read the authorities' certificates " + options.ca + ": " + openssl_reason();
  }
  return std::shared_ptr<const LinkTls>(std::move(tls));
}

ssl_st* LinkTls::new_ssl() const { return SSL_new(context_.get()); }

std::string LinkTls::own_fault(std::string_view node_name) const {
  X509* own = SSL_CTX_get0_certificate(context_.get());
  if (X509_cmp_current_time(X509_get0_notAfter(own)) <= 0) {
    return "the certificate " + options_.certificate + " has expired";
  }
  if (X509_cmp_current_time(X509_get0_notBefore(own)) > 0) {
    return "the certificate " + options_.certificate + " is not valid yet";
  }
  // A node dials and is dialled. Its peers would only say that they do not trust it.
  if (X509_check_purpose(own, X509_PURPOSE_SSL_SERVER, 0) != 1 ||
      X509_check_purpose(own, X509_PURPOSE_SSL_CLIENT, 0) != 1) {
    return "the certificate " + options_.certificate +
           " may not be used for both ends of a link: its extended key usage wants serverAuth and "
           "clientAuth";
  }
  if (is_for(own, node_name)) return {};
  return "the certificate " + options_.certificate + " is not for \"" + expected_name(node_name) +
         "\"";
}

std::string LinkTls::expected_name(std::string_view node_name) const {
  std::string name = options_.peer_name;
  for (std::size_t at = 0; (at = name.find(node_place, at)) != std::string::npos;) {
    name.replace(at, node_place.size(), node_name);
    at += node_name.size();
  }
  return name;
}

bool LinkTls::is_for(x509_st* certificate, std::string_view node_name) const {
  const std::string name = expected_name(node_name);
  // To OpenSSL a name that begins with a dot means all below it.
  if (name.empty() || name.front() == '.') return false;
  constexpr unsigned flags =
      X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
  return X509_check_host(certificate, name.data(), name.size(), flags, nullptr) == 1;
}

}  // namespace replication
