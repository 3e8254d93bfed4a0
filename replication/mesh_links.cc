#include <algorithm>
#include <boost/system/errc.hpp>
#include <utility>

#include "replication/mesh.h"
#include "replication/wire.h"

namespace replication {
namespace {

// Distinct sources of refusals that are remembered to report a run of equal ones once.
constexpr std::size_t reported_max = 256;

bool is(boost::system::error_code error, Errc code) { return error == make_error_code(code); }

bool is_tls_fault(boost::system::error_code error) {
  return is(error, Errc::tls_required) || is(error, Errc::no_tls) ||
         is(error, Errc::wrong_certificate) || is(error, Errc::untrusted_certificate) ||
         is(error, Errc::expired_certificate) || is(error, Errc::certificate_refused) ||
         is(error, Errc::tls_failed);
}

}  // namespace

bool Mesh::is_refusal(ErrorCode error) {
  return error.category() == replication_category() && (error.value() < 100 || is_tls_fault(error));
}

// Such a refusal lasts until somebody changes a configuration or a release.
bool Mesh::shuts_out(ErrorCode error) {
  return is(error, Errc::bad_proof) || is(error, Errc::protocol_mismatch) || is_tls_fault(error);
}

// The relay does not, or no longer, carry a tunnel: no fault of who is at its other end.
bool Mesh::is_relay_refusal(ErrorCode error) {
  return is(error, Errc::no_route) || is(error, Errc::relay_full) || is(error, Errc::stopping);
}

// We have dialled TLS, the peer does not speak it, and may be linked without.
bool Mesh::speaks_no_tls(const Link& link, ErrorCode why) const {
  return is(why, Errc::no_tls) && link.dialled_tls() && tls_ && tls_->mode() == TlsMode::optional;
}

Mesh::Peer& Mesh::peer(const std::string& name) {
  auto [found, added] = peers_.try_emplace(name);
  if (added) {
    found->second.name = name;
    found->second.backoff = options_.backoff_min;
  }
  return found->second;
}

Mesh::LinkPtr Mesh::new_link(Role role, std::string wanted, std::shared_ptr<const LinkTls> tls) {
  LinkHost& host = *this;
  Handshake::Local local{.role = role,
                         .id = node_.id,
                         .protocol_min = options_.protocol.min,
                         .protocol_max = options_.protocol.max,
                         .listen_port = listen_port_,
                         .cluster = options_.cluster,
                         .nonce = environment_.random_bytes(nonce_bytes),
                         .secret = options_.secret,
                         .wanted = std::move(wanted),
                         .speaks_tls = tls_ != nullptr};
  return std::make_shared<Link>(environment_, host, std::move(local), options_.frame_bytes_max,
                                std::move(tls));
}

std::chrono::milliseconds Mesh::jittered(std::chrono::milliseconds delay) {
  std::uniform_real_distribution<double> factor(0.75, 1.25);
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(static_cast<double>(delay.count()) * factor(random_)));
}

bool Mesh::canonical(const Link& link, const std::string& peer_name) const {
  bool ours_is_lesser = node_.id.name < peer_name;
  return ours_is_lesser == (link.role() == Role::dialler);
}

void Mesh::dial(Peer& peer) {
  const auto& address = peer.listed ? peer.listed : peer.seen;
  if (!address || drain_until_) return;
  if (!peer.is_wanted() && !peer.ref) return;
  // hardening K7: however many are listed. A tick tries again.
  if (dials_ >= options_.handshakes_max) return;
  ++dials_;
  const bool in_clear = std::exchange(peer.dial_in_clear, false);
  peer.dialling = new_link(Role::dialler, peer.name, in_clear ? nullptr : tls_);
  peer.dialling->dial(address->host, address->port);
}

boost::system::error_code Mesh::admit(const Link& link, const Hello& hello) {
  if (drain_until_) return Errc::stopping;
  auto found = peers_.find(hello.id.name);
  if (found == peers_.end()) return {};
  Peer& peer = found->second;
  if (hello.id.incarnation < peer.last_id.incarnation) return Errc::stale_incarnation;
  if (hello.id != peer.last_id) return {};
  if (peer.left) return Errc::stale_incarnation;
  if (!peer.link || peer.unreachable || peer.link->is_closed()) return {};
  // The same life twice: both have dialled at once, or it has noticed a lost link before us.
  const Time now = environment_.now();
  if (is_silent(*peer.link, now)) return {};
  if (link.is_relayed() != peer.link->is_relayed()) {
    if (peer.link->is_relayed()) return {};
    // It does not reach us directly, or no longer; if it does not hear us either, it is right.
    if (now - peer.link->inflow().answered() > options_.silence_max / 2) return {};
  } else if (canonical(link, peer.name) || !canonical(*peer.link, peer.name)) {
    return {};
  }
  std::string stamp;
  put_number(ping_stamp(environment_.now()), stamp);
  peer.link->outflow().control(FrameKind::ping, stamp);  // A dead link answers with a reset.
  peer.link->pump();
  return Errc::duplicate_link;
}

void Mesh::proven(const LinkPtr& link) {
  const Hello& hello = link->hello();
  std::erase(incoming_, link);
  Peer& peer = this->peer(hello.id.name);
  auto ref = node_.owners.intern(hello.id);
  if (!ref) {
    link->close(ref.error());
    return;
  }
  if (peer.ref && *peer.ref != *ref) gone(peer, Errc::restarted);
  finish_sweep(*ref);
  if (LinkPtr old = std::exchange(peer.link, link)) {
    peer.keep_counts(*old);
    old->close(Errc::duplicate_link);
  }
  const bool wins = canonical(*link, peer.name);
  if (peer.dialling == link) {
    peer.dialling.reset();
    --dials_;
  } else if (peer.dialling && wins && !link->is_relayed()) {
    std::exchange(peer.dialling, {})->close(Errc::duplicate_link);
    --dials_;
  }
  if (peer.relaying == link) {
    peer.relaying.reset();
  } else if (peer.relaying && (wins || !link->is_relayed())) {
    std::exchange(peer.relaying, {})->close(Errc::duplicate_link);
  }
  peer.ref = *ref;
  peer.last_id = hello.id;
  peer.left = false;
  if (!link->is_relayed()) {
    peer.seen = PeerAddress{hello.id.name, link->address(), hello.listen_port};
    peer.dial_failed = false;
    peer.backoff = options_.backoff_min;
  }
  peer.dial_refused = false;
  peer.lacking.reset();
  peer.relays_off.clear();
  peer.relay_backoff = options_.backoff_min;
  peer.speaks_relay = false;
  peer.reach.clear();
  peer.tried = true;
  peer.ready = false;
  peer.refused = false;
  // A new link starts afresh, and whoever was told that the last one lags is told so.
  if (std::exchange(peer.lagging, false)) node_.events.lagging(hello.id, false);
  peer.unreachable = false;
  peer.last_error = {};
  peer.last_heard = peer.last_progress = environment_.now();
  node_.owners.set_life(*ref, Owners::Life::reachable);
  node_.owners.owner(*ref).outbox.open();
  link->establish(node_, *ref);
  if (link->carrier() != nullptr && options_.relay) link->carrier()->announce(reach_);
  reported_.erase(peer.name);
  node_.events.peer_connected(node_.owners.id(*ref));
  if (std::exchange(peer.told_via, link->via()) != link->via()) {
    node_.events.peer_relayed(node_.owners.id(*ref), link->via());
  }
  if (tls_ && !link->is_tls()) node_.events.link_in_clear(node_.owners.id(*ref));
  publish();
}

void Mesh::received(Link& link) {
  auto found = peers_.find(link.hello().id.name);
  if (found == peers_.end() || found->second.link.get() != &link) return;
  Peer& peer = found->second;
  const NodeId& id = node_.owners.id(link.peer());
  wake_at_each();
  if (link.inflow().left()) {
    peer.left = true;
    gone(peer, Errc::left);
    publish();
    return;
  }
  peer.last_heard = link.last_heard;
  if (peer.unreachable) {
    peer.unreachable = false;
    peer.counted = peer.ready && !peer.lagging;
    node_.owners.set_life(link.peer(), Owners::Life::reachable);
    node_.events.peer_reachable(id);
    publish();
  }
  if (!peer.ready && link.inflow().caught_up() && link.outflow().settled()) {
    peer.ready = true;
    peer.counted = !peer.lagging;
    peer.last_join = link.inflow().join();
    node_.events.joined(id, peer.last_join);
    publish();
  }
  settle_waits(environment_.now());
  link.pump();
  gather_writes();
}

void Mesh::closed(const LinkPtr& link, ErrorCode why) {
  wake_at_each();
  if (std::erase(incoming_, link) != 0) {
    incoming_failed(link, why);
    return;
  }
  auto found = peers_.find(link->peer_name());
  if (found == peers_.end()) return;
  if (found->second.link == link) {
    link_lost(found->second, why);
  } else if (found->second.dialling == link) {
    dial_failed(found->second, link, why);
  } else if (found->second.relaying == link) {
    relay_failed(found->second, link, why);
  }
  publish();
}

void Mesh::link_lost(Peer& peer, ErrorCode why) {
  const LinkPtr link = std::exchange(peer.link, {});
  peer.keep_counts(*link);
  peer.ready = false;
  peer.last_error = why;
  // It broke the protocol, or we did; unless it was the relay that gave up.
  const bool relay_ended = link->is_relayed() && is_relay_refusal(why);
  if (is_refusal(why) && !is(why, Errc::duplicate_link) && !relay_ended) {
    report_refusal(peer.name, why);
  }
  peer.lacking = environment_.now();
  announce_reach();
  peer.next_dial = {};
  if (!peer.dialling) dial(peer);
  look_for_relay(peer, environment_.now());
}

void Mesh::dial_failed(Peer& peer, const LinkPtr& link, ErrorCode why) {
  peer.dialling.reset();
  --dials_;
  if (drain_until_) return;
  if (speaks_no_tls(*link, why)) {
    peer.dial_in_clear = true;
    dial(peer);
    return;
  }
  peer.dial_failed = true;
  auto most = options_.backoff_max;
  if (is(why, Errc::duplicate_link)) {
    // Not a failure: the other link is there, or about to be.
    peer.next_dial = environment_.now() + jittered(options_.backoff_min);
    return;
  }
  peer.tried = true;
  peer.last_error = why;
  peer.refused = is_refusal(why);
  if (peer.refused) {
    report_refusal(peer.name, why);
    most = std::max(most, options_.backoff_refused_max);
  }
  if (why == boost::system::errc::connection_refused && !link->connected() && peer.ref &&
      (!peer.link || peer.unreachable)) {
    peer.last_error = Errc::connection_refused;
    peer.dial_refused = true;  // Gone, unless another node still reaches it.
  }
  peer.next_dial = environment_.now() + jittered(peer.backoff);
  peer.backoff = std::min(2 * peer.backoff, most);
  look_for_relay(peer, environment_.now());
}

void Mesh::incoming_failed(const LinkPtr& link, ErrorCode why) {
  if (drain_until_ || is(why, Errc::duplicate_link)) return;
  if (why.category() == replication_category()) {
    report_refusal(link->address(), why);
  } else {  // A port scan, a health check, a peer that changed its mind: counted, not told.
    refusals_.with([](RefusalCounts& counts) { ++counts.others; });
  }
}

void Mesh::report_refusal(const std::string& who, ErrorCode why) {
  refusals_.with([&](RefusalCounts& counts) {
    if (is(why, Errc::bad_frame) || is(why, Errc::sequence_gap)) {
      ++counts.bad_frame;
    } else if (is(why, Errc::bad_proof)) {
      ++counts.bad_proof;
    } else if (is(why, Errc::other_cluster)) {
      ++counts.other_cluster;
    } else if (is(why, Errc::protocol_mismatch)) {
      ++counts.protocol_mismatch;
    } else if (is(why, Errc::hello_timeout)) {
      ++counts.hello_timeout;
    } else if (is_tls_fault(why)) {
      ++counts.tls;
    } else if (is(why, Errc::over_window) || is(why, Errc::unknown_tunnel)) {
      ++counts.relay;
    } else {
      ++counts.others;
    }
  });
  if (reported_.size() >= reported_max) reported_.clear();
  auto [last, added] = reported_.try_emplace(who, why);
  if (!added && last->second == why) return;
  last->second = why;
  node_.events.link_refused(who, why);
}

void Mesh::mark_unreachable(Peer& peer, ErrorCode why) {
  peer.unreachable = true;
  peer.counted = false;
  peer.last_error = why;
  node_.owners.set_life(*peer.ref, Owners::Life::unreachable);
  node_.events.peer_unreachable(node_.owners.id(*peer.ref), why);
  publish();
}

void Mesh::gone(Peer& peer, Errc why) {
  const NodeRef ref = *std::exchange(peer.ref, std::nullopt);
  std::uint64_t records = 0;
  for (auto& table : node_.tables) records += table->digest(ref).records;
  node_.owners.set_life(ref, Owners::Life::gone);  // R5: readers see none of them from here on.
  for (auto& table : node_.tables) table->forget_replica(ref);
  peer.ready = peer.counted = peer.lagging = peer.unreachable = false;
  peer.acked.clear();
  peer.dial_refused = false;
  peer.told_via.clear();
  if (LinkPtr link = std::exchange(peer.link, {})) {
    peer.keep_counts(*link);
    link->close(why);
  }
  announce_reach();
  hand_back(ref);
  node_.events.peer_gone(node_.owners.id(ref), why, records);
  sweeps_.push_back({.ref = ref});
  if (sweeps_.size() == 1) environment_.post([this] { sweep_some(); });
  settle_waits(environment_.now());
}

void Mesh::hand_back(NodeRef ref) {
  for (std::string& payload : node_.owners.owner(ref).outbox.close()) {
    if (node_.undelivered_handler) node_.undelivered_handler(ref, std::move(payload));
  }
}

}  // namespace replication
