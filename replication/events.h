#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "replication/error.h"
#include "replication/node_id.h"
#include "replication/status.h"

namespace replication {

/// What happens rarely between nodes. The owner of a Node logs and counts it; tests wait on it.
///
/// Threads: called on the node's link thread, which must not be kept waiting. The Node's `peers()`,
/// `send()` and the tables may be used from here; `stop()` may not.
class Events {
 public:
  virtual ~Events() = default;

  /// A link to this life of the peer has been proven; its records begin to arrive.
  virtual void peer_connected(const NodeId&) {}

  /// Both directions have caught up. Comes once a link.
  virtual void joined(const NodeId&, const JoinStats&) {}

  /// The peer is cut off or silent. Its records stay until it is gone.
  virtual void peer_unreachable(const NodeId&, boost::system::error_code) {}

  /// The link to the peer now goes through the node `via`; or, where that is empty, no longer does.
  virtual void peer_relayed(const NodeId&, const std::string& /*via*/) {}

  /// A peer that was unreachable is heard again, over the same link.
  virtual void peer_reachable(const NodeId&) {}

  /// This life of the peer is over: readers no longer see its `records`. Why: `left`, `restarted`,
  /// `connection_refused` or `forgotten`.
  virtual void peer_gone(const NodeId&, boost::system::error_code, std::uint64_t /*records*/) {}

  /// The link to the peer is in clear, since only this node speaks TLS (TlsMode::optional). Comes
  /// after its peer_connected().
  virtual void link_in_clear(const NodeId&) {}

  /// A connection was turned away, by us or by the other side. `who` is the peer's name, or its
  /// address when it has not proven one. Comes once for a run of equal reasons.
  virtual void link_refused(const std::string& /*who*/, boost::system::error_code) {}

  /// A table's log was cut off before the peer had it all, so a snapshot replaces it.
  virtual void resync(const NodeId&, const std::string& /*table*/, const std::string& /*why*/) {}

  /// The peer's release writes the records of `table` in another version of their format than this
  /// one (R10). They are exchanged all the same: a newer one only appends. Comes once a link.
  virtual void table_version_differs(const NodeId&, const std::string& /*table*/,
                                     std::uint16_t /*theirs*/) {}

  /// The peer's acks are later than `lag_max` (true), or have caught up (false).
  virtual void lagging(const NodeId&, bool) {}
};

}  // namespace replication
