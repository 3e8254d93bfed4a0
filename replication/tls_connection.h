#pragma once

#include <memory>

#include "replication/environment.h"
#include "replication/hello.h"
#include "replication/link_tls.h"

namespace replication {

/// Puts TLS onto `below`, a connection that this node dials or has accepted. The handshake begins
/// with the first write or read, and goes on while somebody reads.
///
/// A dialler speaks TLS from the first byte. Errors of the first read: `no_tls`, when the peer
/// answers in clear, or, with `TlsMode::optional`, ends at our first words.
/// An acceptor goes by the first byte, which is 0 in clear (a frame's length) and 22 in TLS. What
/// comes in clear passes as it is, or, with `TlsMode::required`, ends the first read with
/// `tls_required`; a refusal can still be written, in clear.
/// Both: `untrusted_certificate`, `expired_certificate`, `certificate_refused`, `tls_failed`.
std::unique_ptr<Connection> tls_connection(Environment& environment,
                                           std::shared_ptr<const LinkTls> tls, Role role,
                                           std::unique_ptr<Connection> below);

}  // namespace replication
