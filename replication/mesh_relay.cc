// Links through other nodes, where there is no direct way: docs/design/0008-relay.md.

#include <algorithm>
#include <utility>

#include "replication/mesh.h"
#include "replication/tunnel_connection.h"

namespace replication {
namespace {

// As a cluster of n starts, each of its nodes has n - 1 things to say to n - 1 others. In one of
// this size, or in a flood of forged rows, the ticks gather them.
constexpr std::size_t reach_at_once_max = 16;

}  // namespace

// Sooner than `silence_max`: another way is sought before the peer counts as unreachable.
bool Mesh::is_silent(const Link& link, Time now) const {
  return now - link.last_heard > options_.silence_max / 2;
}

bool Mesh::is_lacking(const Peer& peer, Time now) const {
  return !peer.link || peer.unreachable || is_silent(*peer.link, now);
}

// Whether the peer can be asked to relay, or be reached through us: a direct link that works, to a
// node that knows tunnels.
bool Mesh::is_relay(const Peer& peer, Time now) const {
  return peer.speaks_relay && !is_lacking(peer, now) && !peer.link->is_closed() &&
         peer.link->carrier() != nullptr;
}

// The life of `target` that `relay` has a direct link with, if it is not one that is over.
const NodeId* Mesh::reached(const Peer& relay, const Peer& target) const {
  auto found =
      std::lower_bound(relay.reach.begin(), relay.reach.end(), target.name,
                       [](const NodeId& id, const std::string& name) { return id.name < name; });
  if (found == relay.reach.end() || found->name != target.name) return nullptr;
  const std::uint64_t last = target.last_id.incarnation;
  const bool over = found->incarnation < last || (target.left && found->incarnation == last);
  return over ? nullptr : &*found;
}

Mesh::Peer* Mesh::next_relay(const Peer& target, Time now) {
  Peer* best = nullptr;
  for (Peer* relay : relays_) {
    if (relay == &target || !is_relay(*relay, now) || reached(*relay, target) == nullptr) continue;
    if (target.relays_off.contains(relay->name)) continue;
    if (best == nullptr || relay->link->inflow().round_trip() < best->link->inflow().round_trip()) {
      best = relay;
    }
  }
  return best;
}

// The direct way has a start of half a heartbeat, unless it is known to fail; and of the two nodes
// the one with the lesser name has one, so that mostly one tunnel is opened.
bool Mesh::may_be_relayed(const Peer& peer, Time now) const {
  if (peer.dial_refused) return true;
  if (now < peer.next_relay) return false;
  auto wait = peer.dial_failed ? std::chrono::milliseconds(0) : options_.heartbeat / 2;
  if (node_.id.name > peer.name) wait += options_.heartbeat / 2;
  return now - *peer.lacking >= wait;
}

void Mesh::look_for_relay(Peer& peer, Time now) {
  if (drain_until_ || (!peer.is_wanted() && !peer.ref)) return;
  if (!is_lacking(peer, now)) {
    peer.lacking.reset();
    peer.dial_refused = false;
    return;
  }
  if (!peer.lacking) peer.lacking = now;
  if (peer.relaying) {
    // Nothing has come back: the relay, or what it takes for a link, hangs.
    const bool answered = peer.relaying->last_heard != peer.relaying->begun();
    const auto limit = answered ? options_.hello_max : options_.connect_max;
    if (now - peer.relaying->begun() > limit) peer.relaying->close(Errc::hello_timeout);
    return;
  }
  if (!may_be_relayed(peer, now)) return;
  while (Peer* relay = next_relay(peer, now)) {
    if (open_relay(peer, *relay)) return;
    peer.relays_off.insert(relay->name);
  }
  no_relay_left(peer, now);
}

bool Mesh::open_relay(Peer& peer, Peer& relay) {
  auto tunnel = TunnelConnection::open(environment_, *relay.link->carrier(), *reached(relay, peer),
                                       relay.name);
  if (!tunnel) return false;
  const bool in_clear = std::exchange(peer.relay_in_clear, false);
  peer.relaying = new_link(Role::dialler, peer.name, in_clear ? nullptr : tls_);
  peer.relaying->dial(std::move(tunnel), relay.name);
  return true;
}

void Mesh::no_relay_left(Peer& peer, Time now) {
  if (!peer.relays_off.empty()) {
    peer.relays_tried = true;
    peer.relays_off.clear();
    peer.next_relay = now + jittered(peer.relay_backoff);
    peer.relay_backoff = std::min(2 * peer.relay_backoff, options_.backoff_max);
  }
  if (std::exchange(peer.dial_refused, false) && peer.ref) gone(peer, Errc::connection_refused);
}

void Mesh::relay_failed(Peer& peer, const LinkPtr& link, ErrorCode why) {
  peer.relaying.reset();
  if (drain_until_) return;
  const Time now = environment_.now();
  // Whatever it said, it lives.
  if (link->last_heard != link->begun()) peer.dial_refused = false;
  if (why == Errc::duplicate_link) {
    // It holds that we are linked, or another link was first. If not, it will know soon.
    peer.relays_off.clear();
    peer.next_relay = now + jittered(options_.heartbeat / 2);
    return;
  }
  if (speaks_no_tls(*link, why)) {
    peer.relay_in_clear = true;
  } else {
    peer.relays_off.insert(link->via());
    if (is_refusal(why) && !is_relay_refusal(why)) {
      peer.last_error = why;
      report_refusal(peer.name, why);
    }
  }
  look_for_relay(peer, now);
}

Mesh::Peer* Mesh::peer_of(const Link& link) {
  auto found = peers_.find(link.hello().id.name);
  return found != peers_.end() && found->second.link.get() == &link ? &found->second : nullptr;
}

// Finds the relays anew, and tells them of each other: they are whom others reach through us. Told
// at once when a link is lost; when one has come, by the next tick in a large cluster.
void Mesh::announce_reach() {
  if (!options_.relay) return;
  const Time now = environment_.now();
  relays_.clear();
  Reach reach;
  for (auto& [name, peer] : peers_) {
    if (!is_relay(peer, now)) continue;
    relays_.push_back(&peer);
    if (!drain_until_ && reach.size() < reach_max) reach.push_back(peer.last_id);
  }
  if (reach == reach_) return;
  reach_ = std::move(reach);
  for (auto& [name, peer] : peers_) {
    if (peer.link && peer.link->carrier() != nullptr) peer.link->carrier()->announce(reach_);
  }
}

void Mesh::peer_reaches(Link& link, Reach reach) {
  Peer* relay = peer_of(link);
  if (relay == nullptr) return;
  const bool is_new = !std::exchange(relay->speaks_relay, true);
  if (is_new && peers_.size() <= reach_at_once_max) announce_reach();
  const Reach before = std::exchange(relay->reach, std::move(reach));
  for (const NodeId& id : relay->reach) {
    auto found = peers_.find(id.name);
    if (found == peers_.end() || std::binary_search(before.begin(), before.end(), id)) continue;
    found->second.relays_off.erase(relay->name);
    found->second.next_relay = {};
    look_for_relay(found->second, environment_.now());
  }
}

void Mesh::tunnel_asked(Link& link, TunnelId tunnel, const NodeId& target) {
  auto found = peers_.find(target.name);
  const bool direct = peer_of(link) != nullptr && options_.relay && found != peers_.end() &&
                      found->second.link.get() != &link &&
                      is_relay(found->second, environment_.now()) &&
                      (target.incarnation == 0 || target == found->second.last_id);
  if (drain_until_) {
    link.carrier()->close(tunnel, Errc::stopping);
  } else if (direct) {
    relay_.pass(*link.carrier(), tunnel, *found->second.link->carrier(), link.hello().id);
  } else {
    link.carrier()->close(tunnel, Errc::no_route);
  }
}

// Who it is from, the hello will prove.
void Mesh::tunnel_offered(Link& link, TunnelId tunnel, const NodeId&) {
  if (drain_until_) {
    link.carrier()->close(tunnel, Errc::stopping);
  } else if (incoming_.size() >= options_.handshakes_max) {
    link.carrier()->close(tunnel, Errc::relay_full);
  } else {
    const std::string& relay = link.hello().id.name;
    LinkPtr incoming = new_link(Role::acceptor, {}, tls_);
    incoming_.push_back(incoming);
    incoming->accept(
        std::make_unique<TunnelConnection>(environment_, *link.carrier(), tunnel, relay), relay);
  }
}

}  // namespace replication
