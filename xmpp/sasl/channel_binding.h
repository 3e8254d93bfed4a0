#pragma once

#include <string>
#include <string_view>

#include "xmpp/error.h"

typedef struct ssl_st SSL;
typedef struct x509_st X509;

namespace xmpp {

/// A channel binding: the name of its type as in SCRAM's `p=`, and what it is on this connection.
struct ChannelBinding {
  std::string type;  ///< "tls-exporter", "tls-server-end-point"; empty for none.
  std::string data;  ///< Raw bytes.
};

inline constexpr std::string_view tls_exporter = "tls-exporter";
inline constexpr std::string_view tls_server_end_point = "tls-server-end-point";

/// RFC 9266: 32 bytes from the finished handshake. Under TLS 1.2 only with the extended master
/// secret, as it is not unique without. Errors: unsupported.
Result<ChannelBinding> tls_exporter_binding(SSL* ssl);

/// RFC 5929 §4: the hash of the server's certificate, by the hash of its signature, SHA-256 in
/// place of MD5 and SHA-1. Errors: unsupported (a signature with no one hash, such as Ed25519).
Result<ChannelBinding> tls_server_end_point_binding(const X509* server_certificate);

}  // namespace xmpp
