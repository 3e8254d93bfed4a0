#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "replication/error.h"
#include "replication/node_id.h"

namespace replication {

/// A number of the writes that a node made to one table: the first is 1. Only positions of the same
/// table and owner compare.
using Position = std::uint64_t;

enum class PeerState {
  connecting,   ///< No link yet, or it was just lost.
  joining,      ///< The link is up; the replicas are catching up.
  ready,        ///< Both directions have caught up.
  unreachable,  ///< Silent or cut off; its records are kept, `reachable` is false.
  lagging,      ///< Linked, but its acks are later than `lag_max`: waits leave it out.
  refused,      ///< Its last answer was a refusal; see `last_error`.
  gone,         ///< Its last known life is over; its records are gone. Still dialled if listed.
};

/// "connecting", "joining", …
const char* to_string(PeerState state);

/// How one join went: from the link's proof until the peer's records had all arrived.
struct JoinStats {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::chrono::microseconds duration{};
};

/// How far this node's log of one table has come at a peer, and the other way round.
struct PeerTableStatus {
  std::string table;
  Position sent_acked = 0;  ///< Our log: the peer has applied it up to here.
  std::uint64_t lag = 0;    ///< Our log: writes that the peer has not acknowledged.

  /// The age of the oldest of those, to within a tick (50 ms); for a peer that has nothing of our
  /// log yet, at most the age of its link.
  std::chrono::milliseconds lag_age{};

  Position received = 0;      ///< The peer's log: we have applied it up to here.
  std::uint64_t records = 0;  ///< Records of the peer that are held here.
};

struct PeerStatus {
  NodeId id;  ///< `incarnation` is 0 while no life of the peer is known.
  std::string address;
  PeerState state = PeerState::connecting;
  boost::system::error_code last_error;
  std::uint16_t protocol = 0;       ///< The one agreed for the link; 0 without a link.
  bool is_tls = false;              ///< Of the link; false without one.
  std::string via;                  ///< The node that relays the link; empty: it is direct.
  std::uint64_t tunnels = 0;        ///< Of other nodes, that this link is one half of.
  std::uint64_t relayed_bytes = 0;  ///< Sent to the peer for other nodes.
  std::chrono::microseconds round_trip{};
  std::chrono::microseconds ack_latency{};      ///< Of messages and writes, smoothed.
  std::chrono::microseconds ack_latency_max{};  ///< The longest of the link's life.
  std::uint64_t backlog_messages = 0;           ///< Sent or queued, not yet acknowledged.
  std::uint64_t backlog_bytes = 0;
  JoinStats last_join;
  std::uint64_t resyncs = 0;  ///< Times that a snapshot had to replace a log that was cut off.
  std::vector<PeerTableStatus> tables;
};

/// One table, as this node holds it.
struct TableStatus {
  std::string table;
  Position position = 0;  ///< Of this node's own last write.
  std::uint64_t records = 0;
  std::uint64_t records_own = 0;
  std::uint64_t conflicts_lost = 0;             ///< Own records that another owner's has beaten.
  std::uint64_t bytes = 0;                      ///< Keys, records and their headers.
  std::chrono::microseconds write_stall_max{};  ///< That one put or erase has waited for a lock.
};

/// Connections that were turned away, by reason, since the start.
struct RefusalCounts {
  std::uint64_t bad_frame = 0;
  std::uint64_t bad_proof = 0;
  std::uint64_t other_cluster = 0;
  std::uint64_t protocol_mismatch = 0;
  std::uint64_t hello_timeout = 0;
  std::uint64_t tls = 0;    ///< In clear where it must not be, or a certificate that does not do.
  std::uint64_t relay = 0;  ///< Links closed: a tunnel's window overstepped, or no such tunnel.
  std::uint64_t others = 0;
};

}  // namespace replication
