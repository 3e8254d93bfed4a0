#pragma once

#include "replication/link_tls.h"
#include "server/config/config.h"

namespace server {

/// What `[peers]` says of TLS, for LinkTls::load(); `tls` is not `off`.
replication::LinkTlsOptions link_tls_options(const PeersConfig& peers);

}  // namespace server
