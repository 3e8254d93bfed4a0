#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "discovery/registry.h"
#include "replication/node.h"
#include "replication/table.h"
#include "server/admin/event_ring.h"
#include "server/config/config.h"
#include "server/config/secret.h"
#include "server/metrics/metrics.h"

namespace server {

/// What each node tells the others of itself, about once a second, in the `nodes` table.
struct NodeReport {
  std::string version;
  std::string state;              ///< `joining`, `ready`, `cordoned`, `draining`
  std::uint64_t state_since = 0;  ///< Seconds since 1970.
  std::uint64_t sessions = 0;
  std::uint32_t peers_joined = 0, peers_known = 0;
  std::uint32_t peers_relayed = 0;  // Of those joined, the ones linked through a third node.
  std::uint64_t backlog = 0;
  std::string mysql;  ///< `ok`, `away`; empty without one
  std::int64_t lease_remaining_ms = 0;

  bool operator==(const NodeReport&) const = default;
};

/// This node's place in the cluster: its links to the others, and discovery, which tells it who
/// they are. Hands the node list of the one to the other, and what happens there to log and
/// metrics.
///
/// Threads: [any thread], but for start() and stop(), which belong to main.
class Cluster : private replication::Events, private discovery::Events {
 public:
  struct Options {
    std::string version;
    Secret secret;  ///< Empty: the node stands alone.
    std::string mysql_password;
    std::uint64_t incarnation = 0;  ///< Greater than that of each former start: start_stamp().
    std::shared_ptr<const replication::LinkTls> tls{};  ///< None: links are in clear.
  };

  Cluster(const Config& config, Options options, Metrics& metrics, EventRing& events);
  ~Cluster() override;

  replication::Node& node() { return node_; }

  /// `handler` is called, on discovery's thread, when this node cannot have its name as another has
  /// it for good; with one sentence for a person. Before start().
  void on_name_refused(std::function<void(std::string)> handler) {
    on_name_refused_ = std::move(handler);
  }

  /// `handler` is called, on the link thread, when a peer and its records are gone. Before start().
  void on_peer_gone(std::function<void(const replication::NodeId&)> handler) {
    on_peer_gone_ = std::move(handler);
  }

  /// `handler` is called on the link thread for each peer that has caught up with us, and we with
  /// it: a new one, or one that was cut off. Before start().
  void on_peer_joined(std::function<void(const replication::NodeId&)> handler) {
    on_peer_joined_ = std::move(handler);
  }

  /// Listens for peers and begins to look for them. The error is one sentence for a person.
  std::optional<std::string> start();

  /// Tells the others; `joining`, `ready`, `draining` are seen by discovery, too.
  void set_state(discovery::NodeState state);

  /// Reads the files of `[peers] tls` again, for the links to come; those that stand go on. If they
  /// do not do, the former ones stay, and the log says why.
  void reload_tls();

  /// Leaves in order: off the list, then off the links.
  void stop();

  const replication::NodeId& node_id() const { return node_.id(); }
  bool is_reachable(const replication::NodeId& id) const {
    const auto ref = node_.ref(id);
    return id == node_.id() || (ref && node_.reachable(*ref));
  }

  /// Whether this node's replicas have caught up with every live peer's.
  bool joined() const { return node_.joined(); }

  /// The registry is not reached at all while `is_registry_used`; what it said last stands.
  bool is_registry_used() const { return discovery_ != nullptr; }
  bool is_registry_available() const { return !discovery_ || discovery_->available(); }
  bool is_listed() const { return !discovery_ || discovery_->self().has_value(); }
  std::chrono::milliseconds lease_remaining() const;

  /// Nodes whose lease ran when the registry was last read, this one included; 0 without one.
  std::size_t leases_live() const;

  void publish(const NodeReport& report);
  std::vector<std::pair<replication::NodeId, NodeReport>> reports() const;

  /// Peers that discovery lists or that a link is up to.
  std::vector<replication::PeerStatus> peers() const { return node_.peers(); }

 private:
  void peer_connected(const replication::NodeId& peer) override;
  void joined(const replication::NodeId& peer, const replication::JoinStats& stats) override;
  void peer_unreachable(const replication::NodeId& peer, boost::system::error_code why) override;
  void peer_reachable(const replication::NodeId& peer) override;
  void peer_relayed(const replication::NodeId& peer, const std::string& via) override;
  void peer_gone(const replication::NodeId& peer, boost::system::error_code why,
                 std::uint64_t records) override;
  void link_in_clear(const replication::NodeId& peer) override;
  void link_refused(const std::string& who, boost::system::error_code why) override;
  void resync(const replication::NodeId& peer, const std::string& table,
              const std::string& why) override;
  void table_version_differs(const replication::NodeId& peer, const std::string& table,
                             std::uint16_t theirs) override;
  void lagging(const replication::NodeId& peer, bool is_lagging) override;

  void registered(std::uint16_t number) override;
  void lease_renewed() override;
  void lease_renewed_late(std::chrono::milliseconds late) override;
  void backend_failed(boost::system::error_code error, const std::string& detail) override;
  void backend_recovered(std::chrono::milliseconds outage) override;
  void name_taken(const discovery::NodeRow& holder) override;
  void name_refused(const discovery::NodeRow& holder) override;
  void incompatible_peer(const discovery::NodeRow& peer) override;
  void rows_ignored(std::size_t count) override;
  void clock_differs(std::chrono::milliseconds offset) override;

  void use_peers(const std::vector<discovery::NodeRow>& rows);
  void look_at_list();

  const Config& config_;
  Options options_;
  Metrics& metrics_;
  EventRing& events_;
  replication::Node node_;
  replication::Table<std::string, NodeReport> reports_;
  std::unique_ptr<discovery::Discovery> discovery_;
  std::atomic<discovery::Discovery*> started_discovery_{nullptr};
  bool renewed_late_ = false;  // Discovery's thread alone.
  std::function<void(std::string)> on_name_refused_;
  std::function<void(const replication::NodeId&)> on_peer_gone_;
  std::function<void(const replication::NodeId&)> on_peer_joined_;
  std::mutex publish_mutex_;
  std::optional<NodeReport> published_;
};

}  // namespace server

/// JSON: a report is read by people and older nodes more than by machines in a hurry.
template <>
struct replication::Codec<server::NodeReport> {
  static void encode(const server::NodeReport& value, std::string& out);
  static bool decode(std::string_view bytes, server::NodeReport& value);
};
