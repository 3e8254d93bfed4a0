#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "discovery/backend.h"
#include "discovery/error.h"
#include "discovery/node_row.h"

namespace discovery {

/// Rare events. All are called on Discovery's own thread; none may call Discovery::stop().
class Events {
 public:
  virtual ~Events() = default;

  /// The row is ours: this node is listed under `number`. Again after each loss of the row.
  virtual void registered(std::uint16_t number) { (void)number; }

  /// Each renewal that was written, for the metrics.
  virtual void lease_renewed() {}

  /// The lease had run out for `late` before it could be renewed: peers that did not know this node
  /// may not have seen it meanwhile.
  virtual void lease_renewed_late(std::chrono::milliseconds late) { (void)late; }

  /// Once an outage: nothing can be read; what was read last stands. `detail` is for people.
  virtual void backend_failed(boost::system::error_code error, const std::string& detail) {
    (void)error, (void)detail;
  }
  virtual void backend_recovered(std::chrono::milliseconds outage) { (void)outage; }

  /// Another live node has this node's name. Again each time the holder changes; this node is not
  /// listed, is told no peers that it did not know, and tries until the holder's lease ends.
  virtual void name_taken(const NodeRow& holder) { (void)holder; }

  /// The name is not to be had by waiting: the holder has renewed its lease since name_taken(), so
  /// it is alive, or it is a later life than this node, after which no peer takes this one back.
  /// Once a holder. Discovery tries on; its user had better end the node and say why.
  virtual void name_refused(const NodeRow& holder) { (void)holder; }

  /// A listed node speaks no protocol version that we do; it is not among the peers. Once a life.
  virtual void incompatible_peer(const NodeRow& peer) { (void)peer; }

  /// The registry lists rows that are no nodes, or more than `nodes_max`; they are left out.
  virtual void rows_ignored(std::size_t count) { (void)count; }

  /// This machine's clock and the registry's differ by more than two seconds (ours minus theirs).
  /// Leases do not depend on it; stamps of messages do.
  virtual void clock_differs(std::chrono::milliseconds offset) { (void)offset; }
};

struct DiscoveryOptions {
  /// This node. `number`, `lease_remaining` are given by the registry. `incarnation` must be
  /// greater in each life of the node: a start stamp.
  NodeRow self{};

  /// How long a node stays listed without a renewal. Renewed each quarter: three may fail.
  std::chrono::milliseconds lease{15'000};

  /// Between two reads, so how fast a new node is seen; never longer than a quarter of the lease.
  std::chrono::milliseconds read_interval{1'000};

  /// Between two reads when nudged: bounds what a flapping link can cost the registry.
  std::chrono::milliseconds nudge_interval{100};
};

/// Keeps this node's row in the registry alive and says who the peers are.
///
/// The peers are what the last successful read said. An outage of the registry, however long,
/// changes nothing: known peers stay, also for one lease after the registry is back, so that each
/// has the time to renew its row. A node that leaves in order, or whose lease ends while the
/// registry works, goes.
///
/// A name belongs to one live node. A newcomer with a taken name waits for the holder's lease to
/// end, except that it takes over at once from its own former life: a lesser incarnation at the
/// same peer address, whose process must be dead for the address to be free. Only a first claim
/// may do so; a node that lost its row that way waits, so that two cannot take turns. A node that
/// was asleep for longer than its lease claims its row anew: it gets it back, or another number
/// if the row was recycled, or learns that a later life has its name (name_refused).
///
/// Threads: has one of its own, on which the back end, the callback and the events run. All members
/// may be called from any thread. Design: docs/design/0006-discovery.md
class Discovery {
 public:
  using PeersCallback = std::function<void(std::vector<NodeRow>)>;

  Discovery(DiscoveryOptions options, std::unique_ptr<Backend> backend, Events& events);
  ~Discovery();  // Stopped before, or never started.

  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;

  /// `callback` gets the whole list of peers, this node left out, with each successful read whose
  /// list differs (leases apart) from the last given; the first read always calls it. Before
  /// start().
  void on_peers(PeersCallback callback);

  /// Starts the thread; returns at once. Once. What fails comes as an event and is tried again.
  /// Errors: bad_self, with nothing started.
  Result<void> start();

  /// What the others see, written at once.
  void set_state(NodeState state);

  /// Reads at once instead of at the next turn: for a link that was lost, or an unknown caller.
  void nudge();

  /// Takes this node off the list, unless the registry was away when last asked, and ends the
  /// thread. Blocks for the back end's timeout at most. Calls made later do nothing.
  void stop();

  /// This node's row as last written; absent until first registered and while the name is taken.
  [[nodiscard]] std::optional<NodeRow> self() const;

  /// As last given to the callback.
  [[nodiscard]] std::vector<NodeRow> peers() const;

  /// What is left of this node's lease, by the registry's clock at the last renewal and this
  /// machine's steady clock since; negative once it is over. Zero before the first renewal.
  [[nodiscard]] std::chrono::milliseconds lease_remaining() const;

  /// Whether the last look into the registry succeeded.
  [[nodiscard]] bool available() const;

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace discovery
