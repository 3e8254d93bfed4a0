#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "replication/environment.h"
#include "replication/guarded.h"
#include "replication/link.h"
#include "replication/node_state.h"
#include "replication/relay.h"
#include "replication/write_times.h"

namespace replication {

/// The links of one node: dials and accepts, keeps one link a peer, notices who is gone.
///
/// Which of two links of a pair stays: a direct one before one that a third node relays; of two
/// alike, the one that the node with the lesser name dialled. A link that has fallen silent yields
/// to any new one.
///
/// Threads: members marked [any thread]; all else runs on the link thread.
class Mesh : private LinkHost {
 public:
  explicit Mesh(NodeState& node);
  ~Mesh() override;

  Result<void> start();

  /// [any thread] Leaves in order: up to `drain` for what is queued, then the goodbye; ends in the
  /// environment's finish(), then `done`. Calls it at once when it does not run.
  void leave(std::chrono::milliseconds drain, Environment::Task done);

  void set_peers(std::vector<PeerAddress> peers);    // [any thread]
  void use_tls(std::shared_ptr<const LinkTls> tls);  // [any thread]
  void wake(Wake wake);                              // [any thread]
  std::uint16_t listen_port() const { return listen_port_; }
  bool joined() const { return joined_; }                             // [any thread]
  bool wait_joined(Deadline deadline) const;                          // [any thread]
  std::vector<PeerStatus> peers() const { return statuses_.copy(); }  // [any thread]
  RefusalCounts refusals() const { return refusals_.copy(); }         // [any thread]

 private:
  using Time = Environment::Time;
  using ErrorCode = boost::system::error_code;
  using LinkPtr = std::shared_ptr<Link>;

  // All that is known of the node of one name, over its lives.
  struct Peer {
    std::string name;
    std::optional<PeerAddress> listed;  // From discovery.
    std::optional<PeerAddress> seen;    // From its hello: to look after one that is not listed.
    bool delisted = false;              // A list has come that lacks it.
    std::optional<NodeRef> ref;         // Its present life, until that is gone.
    NodeId last_id;                     // Of its latest life, present or not.
    bool left = false;                  // That life said goodbye and cannot come back.
    LinkPtr link;
    LinkPtr dialling;
    Time next_dial{};
    std::chrono::milliseconds backoff{};
    bool dial_failed = false;  // Since it was last linked directly.

    // A way through another node, where there is no direct one.
    LinkPtr relaying;                  // Not proven yet.
    bool relay_in_clear = false;       // As dial_in_clear.
    std::optional<Time> lacking;       // Since when there is no link that can be relied upon.
    bool dial_refused = false;         // It is gone, unless another node still reaches it.
    bool relays_tried = false;         // No relay, or not one that does it: we know by now.
    std::set<std::string> relays_off;  // Have failed in this round.
    Time next_relay{};
    std::chrono::milliseconds relay_backoff{};

    // As Events were last told; the relayed link may be gone before the direct one is there.
    std::string told_via;

    // What it relays itself.
    bool speaks_relay = false;  // It has said whom it reaches.
    Reach reach;
    std::uint64_t relayed_bytes = 0;  // Over its former links.

    bool dial_in_clear = false;  // Once: it has just shown that it does not speak TLS.
    bool tried = false;          // A dial has ended, well or badly: we know whether it answers.
    bool ready = false;          // The present link has caught up in both directions.
    bool counted = false;        // Waits for replication wait for it.
    bool unreachable = false;
    bool lagging = false;
    Time last_heard{};
    ErrorCode last_error;
    bool refused = false;
    std::vector<Position> acked;  // acked_by() at the last look: to notice progress.
    Time last_progress{};
    JoinStats last_join;
    std::uint64_t resyncs = 0;

    // What a link that ends has counted.
    void keep_counts(Link& ended) {
      resyncs += ended.outflow().resyncs();
      if (ended.carrier() != nullptr) relayed_bytes += ended.carrier()->relayed_bytes();
    }

    // It is listed; or it came by itself, and no list since has lacked it. While discovery is away,
    // those who start anew know each other by nothing else.
    bool is_wanted() const { return listed || (seen && !delisted); }
  };

  // When the link thread looks for what there is to send.
  enum class Waking : std::uint8_t {
    at_each,    // At the next write or message.
    with_acks,  // At the next message, else when acks come, which is soon. Writes gather.
    soon,       // It is on its way.
  };

  // A gone owner's records that are still in memory, invisible.
  struct Sweep {
    NodeRef ref;
    std::size_t table = 0;
    std::size_t shard = 0;
  };

  // mesh.cc: life and time.
  void accept();
  void tick();
  void look_after(Peer& peer, Time now);
  void watch_lag(Peer& peer, Time now);
  void leave_out(Peer& peer);
  Position acked_by(const Peer& peer, std::size_t table) const;
  void pump();
  void wake_at_each();
  void gather_writes();
  void settle_waits(Time now);
  void apply_peers(const std::vector<PeerAddress>& listed);
  void begin_stop(Time drain_until, Environment::Task done);
  void go_on_stopping(Time now);
  void say_goodbye(Link& link);
  void sweep_some();
  void finish_sweep(NodeRef ref);

  // mesh_links.cc: links come and go.
  ErrorCode admit(const Link& link, const Hello& hello) override;
  void proven(const LinkPtr& link) override;
  void received(Link& link) override;
  void closed(const LinkPtr& link, ErrorCode why) override;
  void link_lost(Peer& peer, ErrorCode why);
  void dial_failed(Peer& peer, const LinkPtr& link, ErrorCode why);
  void incoming_failed(const LinkPtr& link, ErrorCode why);
  void dial(Peer& peer);
  void gone(Peer& peer, Errc why);
  void hand_back(NodeRef ref);
  void mark_unreachable(Peer& peer, ErrorCode why);
  void report_refusal(const std::string& who, ErrorCode why);
  static bool is_refusal(ErrorCode why);
  static bool is_relay_refusal(ErrorCode why);
  static bool shuts_out(ErrorCode why);
  bool is_shut_out() const;
  bool speaks_no_tls(const Link& link, ErrorCode why) const;
  bool canonical(const Link& link, const std::string& peer_name) const;
  Peer& peer(const std::string& name);
  LinkPtr new_link(Role role, std::string wanted, std::shared_ptr<const LinkTls> tls);
  std::chrono::milliseconds jittered(std::chrono::milliseconds delay);

  // mesh_relay.cc: links through other nodes.
  void peer_reaches(Link& link, Reach reach) override;
  void tunnel_asked(Link& link, TunnelId tunnel, const NodeId& target) override;
  void tunnel_offered(Link& link, TunnelId tunnel, const NodeId& origin) override;
  Peer* peer_of(const Link& link);
  bool is_silent(const Link& link, Time now) const;
  bool is_lacking(const Peer& peer, Time now) const;
  bool is_relay(const Peer& peer, Time now) const;
  const NodeId* reached(const Peer& relay, const Peer& target) const;
  Peer* next_relay(const Peer& target, Time now);
  bool may_be_relayed(const Peer& peer, Time now) const;
  void look_for_relay(Peer& peer, Time now);
  bool open_relay(Peer& peer, Peer& relay);
  void relay_failed(Peer& peer, const LinkPtr& link, ErrorCode why);
  void no_relay_left(Peer& peer, Time now);
  void announce_reach();

  // mesh_status.cc: what others see.
  PeerState state_of(const Peer& peer) const;
  PeerStatus status_of(const Peer& peer) const;
  std::chrono::milliseconds lag_age(const Peer& peer, std::size_t table, Position acked) const;
  void publish();
  void publish_now();

  NodeState& node_;
  const NodeOptions& options_;
  Environment& environment_;
  std::shared_ptr<const LinkTls> tls_;  // Of links to come; none: in clear.
  std::unique_ptr<Listener> listener_;
  std::chrono::milliseconds tick_every_{};
  Time last_tick_{};
  std::vector<WriteTimes> write_times_;  // Of this node's log, by table.
  bool accepting_ = false;
  Relay relay_;
  std::vector<Peer*> relays_;  // Whom a tunnel can go through: few among many forged rows.
  Reach reach_;                // They, as last announced.
  std::map<std::string, Peer> peers_;
  std::vector<LinkPtr> incoming_;  // Not proven yet, the oldest first.
  std::size_t dials_ = 0;
  std::deque<Sweep> sweeps_;
  bool peers_set_ = false;
  std::optional<Time> drain_until_;  // Set: stopping.
  bool leaving_ = false;             // Goodbye has been said over relayed links,
  bool left_ = false;                // and over the direct ones.
  std::vector<Environment::Task> stopped_handlers_;
  std::map<std::string, ErrorCode> reported_;
  std::mt19937 random_;
  std::uint16_t listen_port_ = 0;
  std::atomic<Waking> waking_{Waking::at_each};
  std::atomic<bool> running_{false};
  std::atomic<bool> joined_{false};
  Guarded<std::vector<PeerStatus>> statuses_;
  Guarded<RefusalCounts> refusals_;
  mutable std::mutex joined_mutex_;
  mutable std::condition_variable joined_changed_;
  bool stopped_ = false;  // Under joined_mutex_.
};

}  // namespace replication
