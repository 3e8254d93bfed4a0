#include "server/node/cluster.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "server/config/peer_tls.h"
#include "server/log/log.h"
#include "server/node/counted_registry.h"
#include "server/node/registry_backend.h"
#include "xmpp/sasl/scram.h"

namespace server {
namespace {

bool is_loopback(const std::string& host) { return host.starts_with("127.") || host == "::1"; }

bool is_private(std::uint32_t address) {  // RFC 1918, host byte order.
  return address >> 24 == 10 || address >> 20 == (172 << 4 | 1) ||
         address >> 16 == (192 << 8 | 168);
}

/// The first private address of an interface that is up; loopback if there is none.
std::string first_private_address() {
  std::string found = "127.0.0.1";
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
    if ((at->ifa_flags & IFF_UP) == 0) continue;
    const auto* address = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
    if (!is_private(ntohl(address->sin_addr.s_addr))) continue;
    char text[INET_ADDRSTRLEN];
    if (inet_ntop(AF_INET, &address->sin_addr, text, sizeof text) != nullptr) {
      found = text;
      break;
    }
  }
  freeifaddrs(list);
  return found;
}

replication::NodeOptions node_options(const Config& config, const Cluster::Options& options) {
  replication::NodeOptions result;
  result.cluster = config.node.cluster;
  result.name = config.node.name;
  result.incarnation = options.incarnation;
  result.silence_max = config.peers.silence_max;
  result.forget_after = config.peers.forget_after;
  result.relay = config.peers.relay;
  if (options.secret.is_empty() || !config.listen.peers) {
    // Without a secret the node has no peers: nobody can know this one.
    result.secret = xmpp::random_bytes(32);
    return result;
  }
  result.secret = options.secret.reveal();
  result.tls = options.tls;
  result.listen_host = config.listen.peers->host;
  result.listen_port = config.listen.peers->port;
  return result;
}

std::string advertised(const Config& config, std::uint16_t port) {
  std::string host = config.node.advertise;
  if (host == "auto") {
    const std::string& listens = config.listen.peers->host;
    host = is_loopback(listens) ? listens : first_private_address();
  }
  if (discovery::parse_host_port(host)) return host;
  return to_string(Endpoint{host, port});
}

}  // namespace

Cluster::Cluster(const Config& config, Options options, Metrics& metrics, EventRing& events)
    : config_(config),
      options_(std::move(options)),
      metrics_(metrics),
      events_(events),
      node_(node_options(config, options_), *this),
      reports_(node_, "nodes") {}

Cluster::~Cluster() = default;

std::optional<std::string> Cluster::start() {
  if (const auto started = node_.start(); !started) {
    const std::string at = config_.listen.peers ? to_string(*config_.listen.peers) : "loopback";
    return "cannot listen for peers on " + at + ": " + started.error().message();
  }
  auto backend = make_registry(config_, options_.mysql_password);
  if (options_.secret.is_empty() || !config_.listen.peers || !backend) {
    node_.set_peers({});  // Alone, and so joined.
    return std::nullopt;
  }
  discovery::DiscoveryOptions discovery;
  discovery.self.name = config_.node.name;
  discovery.self.incarnation = node_.id().incarnation;
  discovery.self.peer_address = advertised(config_, node_.listen_port());
  discovery.self.version = options_.version;
  discovery.self.protocol_min = replication::ProtocolRange{}.min;
  discovery.self.protocol_max = replication::ProtocolRange{}.max;
  discovery.self.state = discovery::NodeState::joining;
  if (config_.mysql) discovery.lease = config_.mysql->lease;
  discovery.read_interval = config_.discovery.interval;
  const auto kind = config_.discovery.backend == DiscoveryBackend::mysql
                        ? CountedRegistry::Kind::mysql
                        : CountedRegistry::Kind::other;
  backend = std::make_unique<CountedRegistry>(std::move(backend), kind, metrics_);
  discovery_ = std::make_unique<discovery::Discovery>(std::move(discovery), std::move(backend),
                                                      static_cast<discovery::Events&>(*this));
  discovery_->on_peers([this](const std::vector<discovery::NodeRow>& rows) { use_peers(rows); });
  if (const auto started = discovery_->start(); !started) {
    return "cannot list this node: " + started.error().message();
  }
  started_discovery_ = discovery_.get();
  return std::nullopt;
}

// On the link thread, which is there before discovery is.
void Cluster::look_at_list() {
  if (discovery::Discovery* started = started_discovery_) started->nudge();
}

void Cluster::use_peers(const std::vector<discovery::NodeRow>& rows) {
  std::vector<replication::PeerAddress> peers;
  for (const auto& row : rows) {
    if (const auto at = discovery::parse_host_port(row.peer_address)) {
      peers.push_back({row.name, at->host, at->port});
    }
  }
  node_.set_peers(std::move(peers));
}

void Cluster::set_state(discovery::NodeState state) {
  if (discovery_) discovery_->set_state(state);
}

void Cluster::reload_tls() {
  if (config_.peers.tls == PeerTls::off) return;
  const auto loaded = replication::LinkTls::load(link_tls_options(config_.peers));
  const std::string fault = loaded ? (*loaded)->own_fault(config_.node.name) : loaded.error();
  if (!fault.empty()) {
    log::event(log::Level::error, "peers", "tls_reload_failed", {{"reason", fault}});
    return;
  }
  node_.use_tls(*loaded);
  log::event(log::Level::info, "peers", "tls_reloaded");
}

void Cluster::stop() {
  if (discovery_) discovery_->stop();
  node_.stop();
}

std::chrono::milliseconds Cluster::lease_remaining() const {
  return discovery_ ? discovery_->lease_remaining() : std::chrono::milliseconds(0);
}

std::size_t Cluster::leases_live() const {
  if (!discovery_) return 0;
  const auto peers = discovery_->peers();
  const auto live = std::ranges::count_if(peers, [](const discovery::NodeRow& peer) {
    return peer.lease_remaining > std::chrono::milliseconds(0);
  });
  return static_cast<std::size_t>(live) + (discovery_->lease_remaining().count() > 0 ? 1 : 0);
}

void Cluster::publish(const NodeReport& report) {
  std::lock_guard lock(publish_mutex_);
  if (published_ == report) return;
  published_ = report;
  (void)reports_.put(config_.node.name, report);  // Far below the table's bounds.
}

std::vector<std::pair<replication::NodeId, NodeReport>> Cluster::reports() const {
  std::vector<std::pair<replication::NodeId, NodeReport>> result;
  reports_.for_each([&](replication::NodeRef owner, const std::string&, const NodeReport& report) {
    result.emplace_back(node_.id(owner), report);
  });
  return result;
}

void Cluster::peer_connected(const replication::NodeId& peer) {
  log::event(log::Level::info, "peers", "connected", {{"peer", peer.name}});
}

void Cluster::joined(const replication::NodeId& peer, const replication::JoinStats& stats) {
  log::event(log::Level::info, "peers", "joined",
             {{"peer", peer.name},
              {"records", stats.records},
              {"bytes", stats.bytes},
              {"microseconds", static_cast<std::uint64_t>(stats.duration.count())}});
  metrics_.count(metric::joins, {"ok"});
  metrics_.time(metric::join_duration, {}, stats.duration);
  events_.add(peer.name + " joined");
  if (on_peer_joined_) on_peer_joined_(peer);
}

void Cluster::peer_unreachable(const replication::NodeId& peer, boost::system::error_code why) {
  log::event(log::Level::warning, "peers", "unreachable",
             {{"peer", peer.name}, {"reason", why.message()}});
  events_.add(peer.name + " is unreachable: " + why.message());
  look_at_list();
}

void Cluster::peer_reachable(const replication::NodeId& peer) {
  log::event(log::Level::info, "peers", "reachable", {{"peer", peer.name}});
  events_.add(peer.name + " is reachable again");
}

void Cluster::peer_relayed(const replication::NodeId& peer, const std::string& via) {
  log::event(via.empty() ? log::Level::info : log::Level::warning, "peers", "relayed",
             {{"peer", peer.name}, {"via", via}});
  events_.add(peer.name +
              (via.empty() ? " is linked directly again" : " is linked through " + via));
}

void Cluster::peer_gone(const replication::NodeId& peer, boost::system::error_code why,
                        std::uint64_t records) {
  log::event(log::Level::info, "peers", "gone",
             {{"peer", peer.name}, {"reason", why.message()}, {"records", records}});
  events_.add(peer.name + " left: " + why.message());
  if (on_peer_gone_) on_peer_gone_(peer);
  look_at_list();
}

void Cluster::link_in_clear(const replication::NodeId& peer) {
  log::event(log::Level::warning, "peers", "link_in_clear", {{"peer", peer.name}});
}

void Cluster::link_refused(const std::string& who, boost::system::error_code why) {
  log::event(log::Level::warning, "peers", "link_refused",
             {{"who", who}, {"reason", why.message()}});
  metrics_.count(metric::joins, {"refused"});
  events_.add("link with " + who + " refused: " + why.message());
}

void Cluster::resync(const replication::NodeId& peer, const std::string& table,
                     const std::string& why) {
  log::event(log::Level::warning, "peers", "resync",
             {{"peer", peer.name}, {"table", table}, {"reason", why}});
}

void Cluster::table_version_differs(const replication::NodeId& peer, const std::string& table,
                                    std::uint16_t theirs) {
  log::event(log::Level::info, "peers", "table_version_differs",
             {{"peer", peer.name}, {"table", table}, {"theirs", theirs}});
}

void Cluster::lagging(const replication::NodeId& peer, bool is_lagging) {
  log::event(log::Level::warning, "peers", is_lagging ? "lagging" : "caught_up",
             {{"peer", peer.name}});
}

void Cluster::registered(std::uint16_t number) {
  log::event(log::Level::info, "discovery", "registered", {{"number", number}});
}

void Cluster::lease_renewed() {
  metrics_.count(metric::lease_renewals, {std::exchange(renewed_late_, false) ? "late" : "ok"});
}

void Cluster::lease_renewed_late(std::chrono::milliseconds late) {
  log::event(log::Level::warning, "discovery", "lease_renewed_late",
             {{"milliseconds", static_cast<std::int64_t>(late.count())}});
  renewed_late_ = true;  // lease_renewed() follows.
}

void Cluster::backend_failed(boost::system::error_code error, const std::string& detail) {
  log::event(log::Level::warning, "discovery", "registry_away",
             {{"reason", error.message()}, {"detail", detail}});
  events_.add("registry away: " + error.message());
}

void Cluster::backend_recovered(std::chrono::milliseconds outage) {
  log::event(log::Level::info, "discovery", "registry_back",
             {{"milliseconds", static_cast<std::int64_t>(outage.count())}});
  events_.add("registry is back");
}

void Cluster::name_taken(const discovery::NodeRow& holder) {
  log::event(log::Level::error, "discovery", "name_taken",
             {{"name", holder.name}, {"holder", holder.peer_address}});
  events_.add("the name " + holder.name + " is taken by " + holder.peer_address);
}

void Cluster::name_refused(const discovery::NodeRow& holder) {
  const bool is_successor = holder.incarnation > node_.id().incarnation;
  const std::string what =
      is_successor ? "a later start of the node \"" + holder.name + "\", at " +
                         holder.peer_address + ", has taken this one's place"
                   : "the name \"" + holder.name + "\" belongs to another live node, at " +
                         holder.peer_address + ", which renewed its lease while this one waited";
  log::event(log::Level::error, "discovery", "name_refused", {{"reason", what}});
  events_.add(what);
  if (on_name_refused_) on_name_refused_(what);
}

void Cluster::incompatible_peer(const discovery::NodeRow& peer) {
  log::event(log::Level::error, "discovery", "incompatible_peer",
             {{"peer", peer.name},
              {"version", peer.version},
              {"protocol_min", peer.protocol_min},
              {"protocol_max", peer.protocol_max}});
}

void Cluster::rows_ignored(std::size_t count) {
  log::event(log::Level::warning, "discovery", "rows_ignored", {{"count", count}});
}

void Cluster::clock_differs(std::chrono::milliseconds offset) {
  log::event(log::Level::warning, "discovery", "clock_differs",
             {{"milliseconds", static_cast<std::int64_t>(offset.count())}});
}

}  // namespace server

void replication::Codec<server::NodeReport>::encode(const server::NodeReport& value,
                                                    std::string& out) {
  out += boost::json::serialize(boost::json::object{{"version", value.version},
                                                    {"state", value.state},
                                                    {"state_since", value.state_since},
                                                    {"sessions", value.sessions},
                                                    {"peers_joined", value.peers_joined},
                                                    {"peers_relayed", value.peers_relayed},
                                                    {"peers_known", value.peers_known},
                                                    {"backlog", value.backlog},
                                                    {"mysql", value.mysql},
                                                    {"lease_ms", value.lease_remaining_ms}});
}

bool replication::Codec<server::NodeReport>::decode(std::string_view bytes,
                                                    server::NodeReport& value) {
  boost::system::error_code error;
  const boost::json::value parsed = boost::json::parse(bytes, error);
  if (error || !parsed.is_object()) return false;
  const auto& object = parsed.as_object();
  const auto text = [&](const char* key) {
    const auto* at = object.if_contains(key);
    return at != nullptr && at->is_string() ? std::string(at->as_string()) : std::string();
  };
  const auto number = [&](const char* key) {
    const auto* at = object.if_contains(key);
    boost::system::error_code unfit;
    return at != nullptr && at->is_number() ? at->to_number<std::int64_t>(unfit) : 0;
  };
  value.version = text("version");
  value.state = text("state");
  value.state_since = static_cast<std::uint64_t>(number("state_since"));
  value.sessions = static_cast<std::uint64_t>(number("sessions"));
  value.peers_joined = static_cast<std::uint32_t>(number("peers_joined"));
  value.peers_relayed = static_cast<std::uint32_t>(number("peers_relayed"));
  value.peers_known = static_cast<std::uint32_t>(number("peers_known"));
  value.backlog = static_cast<std::uint64_t>(number("backlog"));
  value.mysql = text("mysql");
  value.lease_remaining_ms = number("lease_ms");
  return true;
}
