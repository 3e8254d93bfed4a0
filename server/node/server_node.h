#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/admin/admin_server.h"
#include "server/admin/control.h"
#include "server/admin/event_ring.h"
#include "server/config/config.h"
#include "server/metrics/busy_ratio.h"
#include "server/metrics/metrics.h"
#include "server/modules/modules.h"
#include "server/node/archive_expiry.h"
#include "server/node/client_listener.h"
#include "server/node/cluster.h"
#include "server/node/drain.h"
#include "server/pep/notify_filter.h"
#include "server/pep/pep.h"
#include "server/presence/last_activity.h"
#include "server/presence/node_watch.h"
#include "server/roster/accounts.h"
#include "server/roster/block_lists.h"
#include "server/roster/rosters.h"
#include "server/router/router.h"
#include "server/session/iq_handlers.h"
#include "server/session/session_moves.h"
#include "server/storage/archive_store.h"
#include "server/storage/blocking_pool.h"
#include "server/storage/offline_store.h"
#include "server/storage/sql_document_store.h"
#include "server/storage/sql_user_store.h"
#include "server/storage/storage.h"
#include "server/storage/token_store.h"
#include "server/stream/client_stream.h"

namespace server {

/// The process's exit codes (sysexits.h and ux.md).
enum class Exit {
  clean = 0,
  unavailable = 69,  ///< MySQL was not reached at start in time, or a port is taken
  internal = 70,
  drain_deadline_passed = 75,
  name_taken = 78,  ///< Another live node has this node's name: EX_CONFIG
};

/// One running node: makes the parts, starts them in order, answers for them, and takes them down.
///
/// Order of a start: HTTP (so that probes see it live), links and discovery, joined, client
/// listeners, ready. Order of an end: unready, drain, off the list, off the links, loops.
///
/// Threads: lives on `control`, which main runs; what NodeControl asks is [any thread].
class ServerNode final : public NodeControl {
 public:
  struct Options {
    std::string version;
    Secret peer_secret;
    std::string mysql_password;
    Secret admin_token;
    std::shared_ptr<const TlsContext> tls;
    std::shared_ptr<const replication::LinkTls> peer_tls{};  ///< As `[peers] tls` says.
  };

  ServerNode(asio::io_context& control, const Config& config, Options options,
             std::unique_ptr<Storage> storage);
  ~ServerNode() override;

  /// The error is one sentence for a person; then nothing is left running.
  std::optional<std::string> start();

  /// SIGTERM: drains, then stops `control`. A second call goes straight to the exit.
  void terminate();

  /// SIGHUP: new certificates, for clients and for peers; an old one stays if the new one is broken
  /// (hardening T7).
  void reload_tls();

  Exit exit_code() const { return exit_; }

  /// Why the node ended by itself, in one sentence; empty when it was told to.
  const std::string& fault() const { return fault_; }

  /// Ends everything that runs. After `control` has stopped.
  void stop();

  Metrics& metrics() { return metrics_; }
  EventRing& event_ring() { return events_; }

  // NodeControl.
  bool is_live() const override;
  Readiness readiness() const override;
  ClusterStatus status() const override;
  std::vector<NodeEvent> events(std::uint64_t after) const override;
  void drain(std::string node, DrainOptions options, ControlDone<void> done) override;
  void cordon(std::string node, bool on, ControlDone<void> done) override;
  void add_user(std::string jid, Secret password, ControlDone<void> done) override;
  void set_password(std::string jid, Secret password, ControlDone<void> done) override;
  void remove_user(std::string jid, ControlDone<void> done) override;
  void list_users(std::string domain, std::string after, std::size_t limit,
                  ControlDone<UserPage> done) override;

 private:
  enum class State { starting, joining, ready, cordoned, draining };

  std::optional<std::string> open_client_listeners();
  void wait_until_joined();
  void on_second();
  void set_state(State state);
  std::string state_name() const;
  NodeReport report() const;
  std::optional<DrainStatus> drain_status() const;
  void observe_metrics();
  void observe_peers();
  void observe_database();
  void observe_drain();
  void start_drain(const DrainOptions& options, std::chrono::milliseconds notice);
  void give_up_name(const std::string& why);
  void on_drained(std::uint64_t left);
  void end_sessions(std::uint64_t count);
  bool is_first() const;
  std::uint64_t sessions_here() const;
  std::optional<replication::NodeRef> successor();
  static std::string holder_of(const replication::NodeId& node);
  bool is_alive(const std::string& holder);
  void take_over_from(const replication::NodeId& peer);
  void store_what_is_left();
  std::optional<xmpp::Jid> account(const std::string& text) const;
  void run(asio::awaitable<ControlResult<void>> work, ControlDone<void> done,
           asio::any_io_executor where);

  asio::io_context& control_;
  const Config& config_;
  Options options_;
  Metrics metrics_;
  EventRing events_;
  std::unique_ptr<Storage> storage_;
  SqlUserStore users_;
  TokenStore tokens_;
  OfflineStore offline_;
  ArchiveStore archive_;
  SqlDocumentStore documents_;
  BlockingPool hashing_;
  Cluster cluster_;
  SessionDirectory directory_;
  Router router_;
  BlockLists blocks_;
  Rosters rosters_;
  Accounts accounts_;
  LastActivities last_activities_;
  Pep pep_;
  CapsCache caps_;
  IqHandlers handlers_;
  ModuleContext modules_;
  StreamServices streams_;
  std::vector<std::unique_ptr<RoutedLoop>> loops_;
  std::unique_ptr<ArchiveExpiry> expiry_;  // None: archives keep all.
  std::unique_ptr<NodeWatch> watch_;
  std::vector<std::unique_ptr<BusyRatio>> busy_;  // Of each loop's thread.
  std::vector<std::unique_ptr<SessionMoves>> moves_;
  std::vector<std::unique_ptr<ClientListener>> listeners_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<Drain> drain_;
  std::atomic<std::size_t> next_successor_{0};
  asio::steady_timer second_;
  std::atomic<State> state_{State::starting};
  std::atomic<std::int64_t> state_since_{0};
  mutable std::mutex drain_mutex_;
  Exit exit_ = Exit::clean;
  std::string fault_;
};

}  // namespace server
