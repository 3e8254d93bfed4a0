#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "replication/deadline.h"
#include "replication/error.h"
#include "replication/events.h"
#include "replication/node_id.h"
#include "replication/status.h"

namespace replication {

class Environment;
class LinkTls;
class NodeState;

/// The range of link protocols that a node speaks.
struct ProtocolRange {
  std::uint16_t min = 1;
  std::uint16_t max = 1;
};

/// Where a peer listens for links. `host` is a name or an address.
struct PeerAddress {
  std::string name;
  std::string host;
  std::uint16_t port = 0;

  bool operator==(const PeerAddress&) const = default;
};

struct NodeOptions {
  std::string cluster{};          ///< Nodes of another cluster name are refused. 1..250 bytes.
  std::string name{};             ///< This node's. 1..node_name_bytes_max bytes.
  std::uint64_t incarnation = 0;  ///< 0: microseconds since 1970 at construction.
  std::string secret{};           ///< The cluster's; any length but 0, best 32 random bytes.
  std::string listen_host = "127.0.0.1";  ///< An address; loopback by default (hardening K7).
  std::uint16_t listen_port = 0;          ///< 0: the kernel picks; see listen_port().
  ProtocolRange protocol{};
  std::shared_ptr<const LinkTls> tls{};  ///< None: links are in clear (link_tls.h).

  std::chrono::milliseconds heartbeat{500};     ///< At most this long between two frames of a link.
  std::chrono::milliseconds silence_max{3000};  ///< Then the peer is unreachable.
  std::chrono::milliseconds forget_after{30000};  ///< Unreachable for this long: gone.
  std::chrono::milliseconds lag_max{2000};        ///< Acks later than this: lagging.
  std::chrono::milliseconds hello_max{5000};      ///< From connect to proof.
  std::chrono::milliseconds connect_max{1000};    ///< A dial that takes longer has failed.
  std::chrono::milliseconds backoff_min{50};      ///< After a failed dial; doubles, with jitter.
  std::chrono::milliseconds backoff_max{1000};
  std::chrono::milliseconds backoff_refused_max{10000};  ///< After a refusal (wrong secret, …).

  std::size_t log_ring_bytes = 8 << 20;         ///< A table's log that is kept for reconnects.
  std::size_t link_queue_bytes_max = 64 << 20;  ///< Messages to one peer; then `queue_full`.
  std::size_t frame_bytes_max = 1 << 20;        ///< A longer frame closes the link.
  std::size_t handshakes_max = 64;  ///< Unproven incoming connections at once; more are closed.

  /// Where two nodes cannot reach each other, a third that reaches both relays their link: this
  /// node does so for others, and is linked so. It holds at most 512 KiB a tunnel.
  bool relay = true;
  std::size_t relay_tunnels_max = 256;  ///< Through this node at once; more are refused.
};

/// This process's presence among the nodes of a cluster: its links, its replicas and its messages.
///
///     Node node(options, events);
///     Table<std::string, std::string> table(node, "names", {});
///     node.start();
///     node.set_peers({{"b", "10.0.0.2", 5280}});
///
/// Tables are made between construction and `start()`, and destroyed after `stop()`.
///
/// Threads: the node runs one thread of its own for all links, so that heartbeats survive a busy
/// server; or it lives on the application's loop, which is cheaper for who writes and waits there
/// (asio_environment.h). Either is its link thread. Members marked [any thread] may be called from
/// any thread; handlers and Events are called on the link thread and must return soon.
/// Design: docs/design/0003-owned-records.md; bytes: docs/protocol.md.
class Node {
 public:
  /// `events` must outlive the node.
  Node(NodeOptions options, Events& events);

  /// On the application's loop (asio_environment.h); or, for tests, on another clock and network
  /// than the operating system's.
  Node(NodeOptions options, Events& events, std::unique_ptr<Environment> environment);

  /// Without a `stop()` before it the peers see the node vanish, as when its process dies: no
  /// goodbye is sent, no message is handed back.
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Takes a message from `from`. The view is valid for the call. A message counts as delivered
  /// when the handler has returned.
  using MessageHandler = std::function<void(NodeRef from, std::string_view payload)>;

  /// Takes back a message that was not acknowledged when its addressee was declared gone, in the
  /// order of sending. It may have arrived all the same: the addressee can have died, or the
  /// network failed, after it took the message and before its ack came through.
  using UndeliveredHandler = std::function<void(NodeRef to, std::string payload)>;

  /// Before start(). Called on the link thread.
  void on_message(MessageHandler handler);
  void on_undelivered(UndeliveredHandler handler);

  /// Listens and starts the link thread, if it is its own. Errors: those of listening (address in
  /// use, …).
  Result<void> start();

  /// Leaves in order: waits up to `drain` for queued messages to be acknowledged, says goodbye (the
  /// peers drop this node's records at once), hands back what no peer acknowledged, ends the
  /// thread or leaves the loop. Pending waits end with `stopped`. Blocks: not from the link thread,
  /// which must be running.
  void stop(std::chrono::milliseconds drain = std::chrono::milliseconds(1000));

  /// The same without waiting, once. Calls `done` on the link thread as the last of all (at once,
  /// if the node does not run); on the application's loop the node may be destroyed there. For
  /// coroutines: replication/replicated.h.
  void stop(std::chrono::milliseconds drain, std::function<void()> done);

  /// [any thread] The peers that discovery knows. They are dialled until they answer, and so is who
  /// has dialled this node, until a list lacks it. A link to a peer that is no longer listed stays
  /// as long as it holds. Its own name is left out.
  void set_peers(std::vector<PeerAddress> peers);

  /// [any thread] Another certificate, and whom to trust, for the links from here on. Those that
  /// stand go on with the former ones.
  void use_tls(std::shared_ptr<const LinkTls> tls);

  /// [any thread] Where the node listens; after start().
  std::uint16_t listen_port() const;

  /// [any thread] This node.
  const NodeId& id() const;

  /// [any thread] The node that `ref` stands for. Valid for the life of this Node.
  const NodeId& id(NodeRef ref) const;

  /// [any thread] The handle of a life of a node that has been linked before, or `unknown_node`.
  Result<NodeRef> ref(const NodeId& id) const;

  /// [any thread] Whether records of `ref` are visible: it is this node or has not been declared
  /// gone.
  bool alive(NodeRef ref) const;

  /// [any thread] Whether `ref` is alive and neither silent nor cut off.
  bool reachable(NodeRef ref) const;

  /// [any thread] Queues `payload` for exactly-once, in-order delivery to that life of the node,
  /// over as many reconnects as it takes. Returns at once. Errors, each meaning that the message
  /// was not taken: unknown_node, node_gone, queue_full, too_large (over frame_bytes_max less 64),
  /// stopped.
  Result<void> send(NodeRef to, std::string_view payload);
  Result<void> send(const NodeId& to, std::string_view payload);

  /// [any thread] Whether this node has joined: since start() there was a moment when set_peers()
  /// had been called and every peer that answered had caught up in both directions. A node that its
  /// peers refuse for its secret, release or certificate, and that none takes in, has not joined.
  /// Stays true when further nodes join later (their state is in peers()).
  bool joined() const;

  /// Waits for joined(); false when the deadline passes or the node stops first. Blocks its thread.
  bool wait_joined(Deadline deadline) const;

  /// [any thread] All known peers. At most one heartbeat old; state changes show at once.
  std::vector<PeerStatus> peers() const;
  std::vector<TableStatus> tables() const;
  RefusalCounts refusals() const;

  /// For Table: what it shares with the links.
  NodeState& state() { return *state_; }

 private:
  std::unique_ptr<NodeState> state_;
};

}  // namespace replication
