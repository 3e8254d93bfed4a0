#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "loadgen/fault.h"

namespace loadgen {

enum class TlsMode { starttls, direct, off };

struct TlsOptions {
  TlsMode mode = TlsMode::starttls;
  /// PEM file of the authority that signed the servers' certificates; empty: the system's.
  std::string ca_file;
  /// Off only for a server with a self-signed certificate, and said in the report.
  bool verify = true;
};

struct SslContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslContextFree>;

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using Ssl = std::unique_ptr<SSL, SslFree>;

/// One context a thread, set up so that an idle connection holds no record buffers.
Result<SslContext> make_ssl_context(const TlsOptions& options);

/// A client's TLS over `fd`, which it does not own. `domain` is what the certificate must name
/// (RFC 6125 as RFC 6120 §13.7.2 wants) and what SNI says.
Ssl make_ssl(SSL_CTX& context, int fd, const std::string& domain, bool verify);

/// The newest error of this thread's OpenSSL queue in words; empties the queue.
std::string ssl_error_text();

}  // namespace loadgen
