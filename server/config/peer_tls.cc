#include "server/config/peer_tls.h"

namespace server {

replication::LinkTlsOptions link_tls_options(const PeersConfig& peers) {
  replication::LinkTlsOptions options;
  options.mode = peers.tls == PeerTls::required ? replication::TlsMode::required
                                                : replication::TlsMode::optional;
  options.certificate = peers.certificate;
  options.key = peers.key;
  options.ca = peers.ca;
  options.peer_name = peers.peer_name;
  return options;
}

}  // namespace server
