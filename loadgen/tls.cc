#include "loadgen/tls.h"

#include <openssl/err.h>

#include <array>
#include <cassert>

namespace loadgen {

Result<SslContext> make_ssl_context(const TlsOptions& options) {
  SslContext context(SSL_CTX_new(TLS_client_method()));
  assert(context);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Buffers go while nothing is on its way; a write may move, as our queue is a growing string.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Each login is a full handshake, as for a client that starts: a reconnect storm is not helped.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context.get(),
                      SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (!options.verify) {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
    return context;
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else if (SSL_CTX_load_verify_locations(context.get(), options.ca_file.c_str(), nullptr) != 1) {
    return Fault{"cannot read the authority's certificate in " + options.ca_file + ": " +
                 ssl_error_text()};
  }
  return context;
}

Ssl make_ssl(SSL_CTX& context, int fd, const std::string& domain, bool verify) {
  Ssl ssl(SSL_new(&context));
  assert(ssl);
  SSL_set_fd(ssl.get(), fd);
  SSL_set_connect_state(ssl.get());
  SSL_set_tlsext_host_name(ssl.get(), domain.c_str());
  if (verify) SSL_set1_host(ssl.get(), domain.c_str());
  return ssl;
}

std::string ssl_error_text() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  std::array<char, 160> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

}  // namespace loadgen
