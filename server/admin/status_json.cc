#include "server/admin/status_json.h"

#include <boost/json/array.hpp>
#include <ctime>

namespace server {
namespace {

namespace json = boost::json;

template <class Duration>
json::value seconds(const std::optional<Duration>& duration) {
  if (!duration) return nullptr;
  return std::chrono::duration<double>(*duration).count();
}

template <class Number>
json::value number(const std::optional<Number>& value) {
  if (!value) return nullptr;
  return *value;
}

json::object to_json(const NodeStatus& node) {
  return {{"name", node.name},
          {"version", node.version},
          {"state", node.state},
          {"since_s", seconds(node.since)},
          {"sessions", number(node.sessions)},
          {"peers_joined", number(node.peers_joined)},
          {"peers_relayed", number(node.peers_relayed)},
          {"peers_known", number(node.peers_known)},
          {"lag_p99_s", seconds(node.lag_p99)},
          {"backlog_records", number(node.backlog)},
          {"mysql_round_trip_s", seconds(node.mysql_round_trip)},
          {"mysql", node.mysql},
          {"lease_remaining_s", seconds(node.lease_remaining)}};
}

json::object to_json(const DrainStatus& drain) {
  return {
      {"node", drain.node},
      {"phase", drain.phase},
      {"sessions_total", drain.sessions_total},
      {"sessions_moved", drain.sessions_moved},
      {"sessions_failed", drain.sessions_failed},
      {"has_successor", drain.has_successor},
      {"rate_per_s", drain.rate.per_second},
      {"deadline_remaining_s", std::chrono::duration<double>(drain.deadline_remaining).count()}};
}

}  // namespace

json::object to_json(const ClusterStatus& status) {
  json::array nodes;
  for (const NodeStatus& node : status.nodes) nodes.push_back(to_json(node));
  json::value drain = nullptr;
  if (status.drain) drain = to_json(*status.drain);
  return {{"cluster", status.cluster},
          {"self", status.self},
          {"nodes", std::move(nodes)},
          {"drain", std::move(drain)}};
}

json::object to_json(const NodeEvent& event) {
  const std::time_t when = std::chrono::system_clock::to_time_t(event.time);
  std::tm parts{};
  gmtime_r(&when, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {{"number", event.number}, {"time", text}, {"text", event.text}};
}

}  // namespace server
