// What a ServerNode tells of itself: state, health, status, the report to its peers, metrics.

#include <algorithm>
#include <map>

#include "server/node/server_node.h"

namespace server {
namespace {

constexpr auto loop_stuck_after = std::chrono::seconds(10);  // ux.md: /livez

}  // namespace

std::string ServerNode::state_name() const {
  switch (state_.load()) {
    case State::starting:
      return "starting";
    case State::joining:
      return "joining";
    case State::ready:
      return "ready";
    case State::cordoned:
      return "cordoned";
    case State::draining:
      return "draining";
  }
  return "unknown";
}

bool ServerNode::is_live() const {
  const auto now = std::chrono::steady_clock::now();
  for (const auto& loop : loops_) {
    if (now - loop->loop.last_tick() > loop_stuck_after) return false;
  }
  return true;
}

Readiness ServerNode::readiness() const {
  using Check = ReadinessCheck;
  Readiness readiness;
  const State state = state_.load();
  const bool has_started = state != State::starting;
  readiness.checks.push_back(
      {"listening", has_started ? Check::State::ok : Check::State::failed, ""});
  if (cluster_.is_registry_used()) {
    readiness.checks.push_back(
        {"lease", cluster_.is_listed() ? Check::State::ok : Check::State::failed,
         cluster_.is_listed() ? "" : "not listed yet, or the name is taken"});
  }
  const bool has_joined = has_started && state != State::joining;
  readiness.checks.push_back({"joined", has_joined ? Check::State::ok : Check::State::failed,
                              has_joined ? "" : "still catching up with the peers"});
  if (config_.mysql) {
    readiness.checks.push_back({"mysql",
                                storage_->available() ? Check::State::ok : Check::State::degraded,
                                storage_->available() ? "" : "away; live chat goes on"});
  }
  const bool is_out = state == State::cordoned || state == State::draining;
  readiness.checks.push_back(
      {"cordon", is_out ? Check::State::failed : Check::State::ok, is_out ? state_name() : ""});
  return readiness;
}

std::vector<NodeEvent> ServerNode::events(std::uint64_t after) const {
  return events_.after(after);
}

NodeReport ServerNode::report() const {
  NodeReport report;
  report.version = options_.version;
  report.state = state_name();
  report.state_since = static_cast<std::uint64_t>(state_since_.load());
  report.sessions = streams_.sessions.load();
  for (const auto& peer : cluster_.peers()) {
    // Gone for certain, and its sessions with it: the registry lists it until its lease ends.
    if (peer.state == replication::PeerState::gone) continue;
    ++report.peers_known;
    if (peer.state == replication::PeerState::ready) {
      ++report.peers_joined;
      if (!peer.via.empty()) ++report.peers_relayed;
    }
    report.backlog = std::max(report.backlog, peer.backlog_messages);
  }
  if (config_.mysql) report.mysql = storage_->available() ? "ok" : "away";
  report.lease_remaining_ms = cluster_.lease_remaining().count() / 1000 * 1000;
  return report;
}

ClusterStatus ServerNode::status() const {
  ClusterStatus status;
  status.cluster = config_.node.cluster;
  status.self = config_.node.name;
  auto reports = cluster_.reports();
  std::erase_if(reports, [&](const auto& entry) { return entry.first.name == config_.node.name; });
  reports.emplace_back(cluster_.node_id(), report());
  const auto now =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
  for (const auto& [id, report] : reports) {
    NodeStatus node;
    node.name = id.name;
    node.version = report.version;
    node.state = cluster_.is_reachable(id) ? report.state : "unreachable";
    node.since = std::chrono::seconds(now > report.state_since ? now - report.state_since : 0);
    node.sessions = report.sessions;
    node.peers_joined = report.peers_joined;
    node.peers_relayed = report.peers_relayed;
    node.peers_known = report.peers_known;
    node.backlog = report.backlog;
    node.mysql = report.mysql;
    if (cluster_.is_registry_used()) {
      node.lease_remaining = std::chrono::milliseconds(report.lease_remaining_ms);
    }
    status.nodes.push_back(std::move(node));
  }
  std::sort(status.nodes.begin(), status.nodes.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  status.drain = drain_status();
  return status;
}

std::optional<DrainStatus> ServerNode::drain_status() const {
  std::lock_guard lock(drain_mutex_);
  return drain_ ? std::optional(drain_->status()) : std::nullopt;
}

void ServerNode::observe_metrics() {
  metrics_.observe(metric::node_state, [this] {
    Samples samples;
    const std::string now = state_name();
    for (const char* state : {"starting", "joining", "ready", "cordoned", "draining"}) {
      samples.push_back({{state}, now == state ? 1.0 : 0.0});
    }
    return samples;
  });
  metrics_.observe(metric::loop_busy_ratio, [this] {
    Samples samples;
    for (std::size_t index = 0; index < busy_.size(); ++index) {
      samples.push_back({{std::to_string(index)}, busy_[index]->value()});
    }
    return samples;
  });
  metrics_.observe(metric::sessions, [this] {
    return Samples{{{"tcp"}, static_cast<double>(streams_.sessions.load())}};
  });
  metrics_.observe(metric::sessions_max,
                   [this] { return static_cast<double>(config_.limits.sessions_max); });
  observe_peers();
  if (config_.mysql) observe_database();
  observe_drain();
}

void ServerNode::observe_peers() {
  metrics_.observe(metric::peers, [this] {
    std::map<std::string, double> counts;
    for (const auto& peer : cluster_.peers()) ++counts[replication::to_string(peer.state)];
    Samples samples;
    for (const auto& [state, count] : counts) samples.push_back({{state}, count});
    return samples;
  });
  metrics_.observe(metric::peer_round_trip, [this] {
    Samples samples;
    for (const auto& peer : cluster_.peers()) {
      samples.push_back({{peer.id.name}, std::chrono::duration<double>(peer.round_trip).count()});
    }
    return samples;
  });
  metrics_.observe(metric::peer_relayed, [this] {
    Samples samples;
    for (const auto& peer : cluster_.peers()) {
      samples.push_back({{peer.id.name}, peer.via.empty() ? 0.0 : 1.0});
    }
    return samples;
  });
  metrics_.observe(metric::peer_relayed_bytes, [this] {
    Samples samples;
    for (const auto& peer : cluster_.peers()) {
      samples.push_back({{peer.id.name}, static_cast<double>(peer.relayed_bytes)});
    }
    return samples;
  });
  metrics_.observe(metric::relay_tunnels, [this] {
    std::uint64_t ends = 0;
    for (const auto& peer : cluster_.peers()) ends += peer.tunnels;
    return static_cast<double>(ends / 2);
  });
  metrics_.observe(metric::peer_tls, [this] {
    Samples samples;
    for (const auto& peer : cluster_.peers()) {
      samples.push_back({{peer.id.name}, peer.is_tls ? 1.0 : 0.0});
    }
    return samples;
  });
  metrics_.observe(metric::links_refused, [this] {
    const replication::RefusalCounts counts = cluster_.node().refusals();
    return Samples{{{"bad_frame"}, static_cast<double>(counts.bad_frame)},
                   {{"bad_proof"}, static_cast<double>(counts.bad_proof)},
                   {{"other_cluster"}, static_cast<double>(counts.other_cluster)},
                   {{"protocol_mismatch"}, static_cast<double>(counts.protocol_mismatch)},
                   {{"hello_timeout"}, static_cast<double>(counts.hello_timeout)},
                   {{"tls"}, static_cast<double>(counts.tls)},
                   {{"other"}, static_cast<double>(counts.others)}};
  });
  metrics_.observe(metric::peer_backlog, [this] {
    Samples samples;
    for (const auto& peer : cluster_.peers()) {
      double lag = static_cast<double>(peer.backlog_messages);
      for (const auto& table : peer.tables) lag += static_cast<double>(table.lag);
      samples.push_back({{peer.id.name}, lag});
    }
    return samples;
  });
  metrics_.observe(metric::peer_lag, [this] {
    Samples samples;
    for (const auto& peer : cluster_.peers()) {
      std::chrono::duration<double> oldest(0);
      for (const auto& table : peer.tables) {
        oldest = std::max<std::chrono::duration<double>>(oldest, table.lag_age);
      }
      samples.push_back({{peer.id.name}, oldest.count()});
    }
    return samples;
  });
  metrics_.observe(metric::join_conflicts, [this] {
    Samples samples;
    for (const auto& table : cluster_.node().tables()) {
      samples.push_back({{table.table}, static_cast<double>(table.conflicts_lost)});
    }
    return samples;
  });
  metrics_.observe(metric::table_records, [this] {
    Samples samples;
    for (const auto& table : cluster_.node().tables()) {
      samples.push_back({{table.table}, static_cast<double>(table.records)});
    }
    return samples;
  });
  metrics_.observe(metric::leases_live,
                   [this] { return static_cast<double>(cluster_.leases_live()); });
  metrics_.observe(metric::lease_remaining, [this] {
    return std::chrono::duration<double>(cluster_.lease_remaining()).count();
  });
}

void ServerNode::observe_database() {
  metrics_.observe(metric::mysql_connections, [this] {
    const auto store = storage_->status();
    return Samples{{{"busy"}, static_cast<double>(store.connections_busy)},
                   {{"idle"}, static_cast<double>(store.connections_idle)}};
  });
  metrics_.observe(metric::mysql_queue,
                   [this] { return static_cast<double>(storage_->status().jobs_waiting); });
}

void ServerNode::observe_drain() {
  metrics_.observe(metric::drain_phase, [this] {
    const auto drain = drain_status();
    Samples samples;
    for (const char* phase : {"notice", "handoff", "settle", "exit"}) {
      samples.push_back({{phase}, drain && drain->phase == phase ? 1.0 : 0.0});
    }
    return samples;
  });
  metrics_.observe(metric::drain_remaining,
                   [this] { return drain_status() ? static_cast<double>(sessions_here()) : 0.0; });
  metrics_.observe(metric::drain_moved, [this] {
    const auto drain = drain_status();
    double ended = 0, handed_over = 0;
    for (const auto& loop : loops_) {
      ended += static_cast<double>(loop->counters.sessions_drained.value());
      handed_over += static_cast<double>(loop->counters.sessions_handed_over.value());
    }
    return Samples{{{"ended"}, ended},
                   {{"handed_over"}, handed_over},
                   {{"failed"}, drain ? static_cast<double>(drain->sessions_failed) : 0.0}};
  });
  metrics_.observe(metric::drain_deadline, [this] {
    const auto drain = drain_status();
    return drain ? std::chrono::duration<double>(drain->deadline_remaining).count() : 0.0;
  });
}

}  // namespace server
