#include "benchmarks/replication/replica/listing.h"

#include <memory>
#include <utility>
#include <vector>

#include "discovery/mysql_backend.h"

namespace benchmarks {
namespace {

discovery::DiscoveryOptions options_of(std::chrono::milliseconds lease, const std::string& host,
                                       const replication::Node& node) {
  discovery::DiscoveryOptions options;
  options.self.name = node.id().name;
  options.self.incarnation = node.id().incarnation;
  options.self.peer_address = host + ":" + std::to_string(node.listen_port());
  options.lease = lease;
  return options;
}

}  // namespace

Listing::Listing(const discovery::MysqlAddress& registry, std::chrono::milliseconds lease,
                 const std::string& cluster, const std::string& host, replication::Node& node)
    : discovery_(options_of(lease, host, node),
                 std::make_unique<discovery::MysqlBackend>(registry, cluster), events_) {
  discovery_.on_peers([&node](const std::vector<discovery::NodeRow>& rows) {
    std::vector<replication::PeerAddress> peers;
    for (const discovery::NodeRow& row : rows) {
      if (auto at = discovery::parse_host_port(row.peer_address)) {
        peers.push_back({row.name, at->host, at->port});
      }
    }
    node.set_peers(std::move(peers));
  });
  discovery_.start().value();
}

std::uint16_t Listing::number() const {
  const auto self = discovery_.self();
  return self ? self->number : std::uint16_t{0};
}

}  // namespace benchmarks
