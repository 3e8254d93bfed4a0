#pragma once

#include <boost/system/result.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

struct ssl_st;  // OpenSSL's SSL, SSL_CTX and X509.
struct ssl_ctx_st;
struct x509_st;

namespace replication {

enum class TlsMode {
  off,       ///< Links are in clear.
  optional,  ///< TLS with the peers that speak it; in clear with the others.
  required,  ///< No link without TLS.
};

struct LinkTlsOptions {
  TlsMode mode = TlsMode::required;
  std::string certificate{};  ///< A PEM file: this node's, then those that lead to an authority.
  std::string key{};          ///< A PEM file.
  std::string ca{};           ///< A PEM file: the authorities that vouch for nodes.

  /// What a peer's certificate must hold as a DNS name (subjectAltName), with `{node}` for the
  /// peer's node name. A leading label `*` of the certificate stands for any one label.
  std::string peer_name = "{node}";
};

/// The certificate of a node, whom it trusts, and the rules of TLS on its links: TLS 1.3, both
/// sides show a certificate, no session is resumed, no early data.
///
/// The certificate proves who may be a node, the cluster's secret still must be known as well, and
/// its proof is bound to the TLS connection, so that neither alone suffices.
///
/// Threads: immutable once made; any.
/// Design: docs/design/0009-link-tls.md
class LinkTls {
 public:
  using Made = boost::system::result<std::shared_ptr<const LinkTls>, std::string>;

  /// Reads the files. The error is one sentence for a person. `options.mode` is not `off`.
  static Made load(const LinkTlsOptions& options);

  TlsMode mode() const { return options_.mode; }

  /// Why no peer would take this node's own certificate: it is not for `node_name`, or not valid
  /// now. One sentence for a person; empty if nothing speaks against it.
  std::string own_fault(std::string_view node_name) const;

  /// A new SSL object, for either side; null when memory is short.
  ssl_st* new_ssl() const;

  /// Whether `certificate` is one for the node of that name.
  bool is_for(x509_st* certificate, std::string_view node_name) const;

 private:
  struct ContextFree {
    void operator()(ssl_ctx_st* context) const;
  };

  std::string expected_name(std::string_view node_name) const;

  explicit LinkTls(LinkTlsOptions options) : options_(std::move(options)) {}

  const LinkTlsOptions options_;
  std::unique_ptr<ssl_ctx_st, ContextFree> context_;
};

}  // namespace replication
