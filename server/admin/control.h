#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/config/config.h"
#include "server/config/secret.h"

namespace server {

/// Why an administrator's wish was not done. Each value is one HTTP status.
enum class ControlErrc {
  invalid,        ///< 400: the input cannot be right (a malformed JID, a domain not served)
  not_found,      ///< 404: no such user, no such node
  conflict,       ///< 409: exists already; is draining already
  not_supported,  ///< 501: this node cannot do that for another node
  unavailable,    ///< 503: the database is away, or too many wait
};

struct ControlError {
  ControlErrc code;
  std::string text;  ///< A sentence for the administrator, with what to do instead.
};

template <class T>
using ControlResult = boost::system::result<T, ControlError>;

/// Called exactly once, from any thread.
template <class T>
using ControlDone = std::function<void(ControlResult<T>)>;

/// One line of `/readyz?verbose`.
struct ReadinessCheck {
  enum class State { ok, degraded, failed };
  std::string name;  ///< `listening`, `lease`, `joined`, `mysql`, `cordon`
  State state = State::ok;
  std::string detail;  ///< `1 of 2 peers caught up`; may be empty when ok
};

/// Ready when no check has failed.
struct Readiness {
  std::vector<ReadinessCheck> checks;
  bool is_ready() const;
};

/// A node as the answering node sees it. What it cannot know stays empty.
struct NodeStatus {
  std::string name;
  std::string version;
  std::string state;  ///< `starting`, `joining`, `ready`, `cordoned`, `draining`, `unreachable`
  std::optional<std::chrono::seconds> since;  ///< How long it has been in `state`.
  std::optional<std::uint64_t> sessions;
  std::optional<std::uint32_t> peers_joined;  ///< Peers caught up, …
  std::optional<std::uint32_t> peers_relayed;  ///< … those of them reached through a third node …
  std::optional<std::uint32_t> peers_known;    ///< … of those it should have.
  std::optional<std::chrono::nanoseconds> lag_p99;
  std::optional<std::uint64_t> backlog;  ///< Records not yet acked by its slowest peer.
  std::optional<std::chrono::nanoseconds> mysql_round_trip;
  std::string mysql;  ///< `ok`, `away`; empty where there is none
  std::optional<std::chrono::milliseconds> lease_remaining;
};

struct DrainStatus {
  std::string node;
  std::string phase;  ///< `notice`, `handoff`, `settle`, `exit`
  std::uint64_t sessions_total = 0;
  std::uint64_t sessions_moved = 0;  ///< Ended or handed over.
  std::uint64_t sessions_failed = 0;
  bool has_successor = false;  ///< Whether any other node could take the clients.
  Rate rate;
  std::chrono::milliseconds deadline_remaining{0};
};

struct ClusterStatus {
  std::string cluster;
  std::string self;               ///< The name of the answering node.
  std::vector<NodeStatus> nodes;  ///< Sorted by name, the answering one among them.
  std::optional<DrainStatus> drain;
};

struct DrainOptions {
  std::optional<Rate> rate;  ///< Empty: as configured.
  std::optional<std::chrono::milliseconds> deadline;
};

struct UserPage {
  std::vector<std::string> users;  ///< Bare JIDs, sorted.
  bool has_more = false;
};

/// Something that happened to this node, for `meerkatctl events` and the dashboard.
struct NodeEvent {
  std::uint64_t number = 0;  ///< From 1, without gaps.
  std::chrono::system_clock::time_point time;
  std::string text;  ///< `n2 joined`
};

/// What the HTTP side asks of the node. The server's core implements it.
///
/// Threads: every member is called on the admin server's thread and must not wait for anything;
/// `done` may be called at once or later, from any thread.
class NodeControl {
 public:
  virtual ~NodeControl() = default;

  /// Whether each loop has ticked in the last 10 s. Knows nothing of MySQL and peers, or one
  /// outage would restart every node.
  virtual bool is_live() const = 0;
  virtual Readiness readiness() const = 0;
  virtual ClusterStatus status() const = 0;

  /// Events after number `after`, oldest first; at most the last few hundred are kept.
  virtual std::vector<NodeEvent> events(std::uint64_t after) const = 0;

  /// `node` is a name, or `self`. Done when the drain has begun. Again: continues with new options.
  virtual void drain(std::string node, DrainOptions options, ControlDone<void> done) = 0;

  /// Takes no new sessions (`on`), or takes them again; those that are there stay.
  virtual void cordon(std::string node, bool on, ControlDone<void> done) = 0;

  /// `jid` is what the administrator wrote: the implementation prepares it (RFC 7622).
  virtual void add_user(std::string jid, Secret password, ControlDone<void> done) = 0;
  virtual void set_password(std::string jid, Secret password, ControlDone<void> done) = 0;
  virtual void remove_user(std::string jid, ControlDone<void> done) = 0;

  /// Up to `limit` users of `domain` (empty: the main one) that sort after the local part `after`.
  virtual void list_users(std::string domain, std::string after, std::size_t limit,
                          ControlDone<UserPage> done) = 0;
};

}  // namespace server
