#include <algorithm>

#include "replication/mesh.h"

namespace replication {

PeerState Mesh::state_of(const Peer& peer) const {
  if (peer.unreachable) return PeerState::unreachable;
  if (peer.link) {
    if (peer.lagging) return PeerState::lagging;
    return peer.ready ? PeerState::ready : PeerState::joining;
  }
  if (peer.refused) return PeerState::refused;
  if (!peer.ref && peer.last_id.incarnation != 0) return PeerState::gone;
  return PeerState::connecting;
}

PeerStatus Mesh::status_of(const Peer& peer) const {
  PeerStatus status;
  status.id = {peer.name, peer.last_id.incarnation};
  const auto& address = peer.listed ? peer.listed : peer.seen;
  if (address) status.address = address->host + ":" + std::to_string(address->port);
  status.state = state_of(peer);
  status.last_error = peer.last_error;
  status.last_join = peer.last_join;
  status.resyncs = peer.resyncs;
  status.relayed_bytes = peer.relayed_bytes;
  if (!peer.ref) return status;
  auto backlog = node_.owners.owner(*peer.ref).outbox.backlog();
  status.backlog_messages = backlog.messages;
  status.backlog_bytes = backlog.bytes;
  if (peer.link) {
    const Outflow& outflow = peer.link->outflow();
    status.protocol = peer.link->protocol();
    status.is_tls = peer.link->is_tls();
    status.via = peer.link->via();
    status.round_trip = peer.link->inflow().round_trip();
    status.ack_latency = outflow.ack_latency();
    status.ack_latency_max = outflow.ack_latency_max();
    status.resyncs += outflow.resyncs();
    if (const Carrier* carrier = peer.link->carrier()) {
      status.tunnels = relay_.tunnels(*carrier);
      status.relayed_bytes += carrier->relayed_bytes();
    }
  }
  for (std::size_t number = 0; number < node_.tables.size(); ++number) {
    const TableCore& table = *node_.tables[number];
    PeerTableStatus row{.table = table.name()};
    if (peer.link) {
      row.sent_acked = peer.link->outflow().acked(number).position;
    } else if (number < peer.acked.size()) {
      row.sent_acked = std::min(peer.acked[number], table.position());
    }
    row.lag = table.position() - std::min(table.position(), row.sent_acked);
    row.lag_age = lag_age(peer, number, row.sent_acked);
    row.received = table.applied(*peer.ref);
    row.records = table.digest(*peer.ref).records;
    status.tables.push_back(std::move(row));
  }
  return status;
}

std::chrono::milliseconds Mesh::lag_age(const Peer& peer, std::size_t table, Position acked) const {
  if (peer.link && !peer.link->outflow().acked(table).known) return {};  // It may lack the table.
  const auto written = write_times_[table].first_after(acked);
  if (!written) return {};
  // A newcomer is brought writes from before its time; those are not what it is late with.
  const Time since = acked == 0 && peer.link ? std::max(*written, peer.link->begun()) : *written;
  return std::chrono::duration_cast<std::chrono::milliseconds>(environment_.now() - since);
}

// Nodes that live and do not take this one in, and none that does: then it is this one that has the
// wrong secret, release or certificate. With one that does, those are the strangers.
bool Mesh::is_shut_out() const {
  bool refused = false;
  for (const auto& [name, peer] : peers_) {
    if (peer.ready) return false;
    refused = refused || (peer.refused && shuts_out(peer.last_error));
  }
  return refused;
}

void Mesh::publish() {
  // In a cluster, or a flood of forged rows, of this size the ticks must do.
  if (peers_.size() <= 64) publish_now();
}

void Mesh::publish_now() {
  std::vector<PeerStatus> statuses;
  statuses.reserve(peers_.size());
  for (const auto& [name, peer] : peers_) statuses.push_back(status_of(peer));
  statuses_.with([&](auto& published) { published.swap(statuses); });
  if (joined_ || !peers_set_) return;
  const Time now = environment_.now();
  bool joined = std::all_of(peers_.begin(), peers_.end(), [&](const auto& entry) {
    const Peer& peer = entry.second;
    if (peer.link) return peer.ready;
    // It has answered, and may yet again: wait until it has caught up or is known to be away.
    if (peer.ref) return peer.unreachable;
    if (!peer.listed) return true;
    return peer.tried && (peer.relays_tried || next_relay(peer, now) == nullptr);
  });
  if (!joined || is_shut_out()) return;
  {
    std::lock_guard lock(joined_mutex_);
    joined_ = true;
  }
  joined_changed_.notify_all();
}

}  // namespace replication
