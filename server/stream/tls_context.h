#pragma once

#include <openssl/ssl.h>

#include <boost/system/result.hpp>
#include <memory>
#include <string>
#include <vector>

namespace server {

struct SslContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

/// The certificate that a node shows to its clients, and the rules of its TLS (hardening P17, P18):
/// TLS 1.2 or newer, no renegotiation, no compression, no server-side session cache, no early data.
///
/// Threads: immutable once made; [any loop].
class TlsContext {
 public:
  /// From PEM files. The error is one sentence for a person.
  static boost::system::result<std::shared_ptr<const TlsContext>, std::string> load(
      const std::string& certificate_file, const std::string& key_file);

  /// A new self-signed certificate for `domains`, valid for a year, kept in memory only.
  static boost::system::result<std::shared_ptr<const TlsContext>, std::string> self_signed(
      const std::vector<std::string>& domains);

  /// A server-side SSL object; null when memory is short.
  SSL* new_ssl() const { return SSL_new(context_.get()); }

  /// RFC 5929 §4: the hash of the certificate, for the channel binding `tls-server-end-point`.
  const std::string& server_end_point() const { return server_end_point_; }

 private:
  TlsContext() = default;
  static boost::system::result<std::shared_ptr<const TlsContext>, std::string> finish(
      std::shared_ptr<TlsContext> tls);

  std::unique_ptr<SSL_CTX, SslContextFree> context_;
  std::string server_end_point_;
};

}  // namespace server
