#include "server/ctl/render.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <cmath>
#include <cstdio>

namespace server::ctl {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

/// A number, or `absent` where the node knows none.
double number_of(const json::object& object, std::string_view key, double absent = -1) {
  const json::value* value = object.if_contains(key);
  if (!value || !value->is_number()) return absent;
  return value->to_number<double>();
}

std::string count_of(const json::object& object, std::string_view key) {
  const double number = number_of(object, key);
  return number < 0 ? "-" : grouped(static_cast<std::uint64_t>(number));
}

std::string formatted(const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string lease_of(const json::object& node) {
  const double left = number_of(node, "lease_remaining_s");
  if (left < 0) return "-";
  return (left > 0 ? "ok, " : "over, ") + formatted("%.0f s left", std::floor(left));
}

std::string mysql_of(const json::object& node) {
  const std::string state = text_of(node, "mysql");
  const double round_trip = number_of(node, "mysql_round_trip_s");
  if (state == "ok" && round_trip >= 0) return latency(round_trip);
  return state.empty() ? "-" : state;
}

std::string peers_of(const json::object& node) {
  const double known = number_of(node, "peers_known");
  if (known < 0) return "-";
  const double relayed = number_of(node, "peers_relayed", 0);
  return formatted("%.0f", number_of(node, "peers_joined", 0)) + formatted("/%.0f", known) +
         (relayed > 0 ? formatted(", %.0f relayed", relayed) : "");
}

const json::array& nodes_of(const json::object& status) {
  static const json::array none;
  const json::value* nodes = status.if_contains("nodes");
  return nodes && nodes->is_array() ? nodes->as_array() : none;
}

std::string plural(std::size_t count, const std::string& word) {
  return grouped(count) + " " + word + (count == 1 ? "" : "s");
}

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string age(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::max(seconds, 0.0));
  const std::uint64_t days = whole / 86'400, hours = whole / 3'600 % 24, minutes = whole / 60 % 60;
  const auto two = [](std::uint64_t more, char unit, std::uint64_t less, char small) {
    std::string text = std::to_string(more) + unit;
    return less == 0 ? text : text + std::to_string(less) + small;
  };
  if (days > 0) return two(days, 'd', hours, 'h');
  if (hours > 0) return two(hours, 'h', minutes, 'm');
  if (minutes > 0) return two(minutes, 'm', whole % 60, 's');
  return std::to_string(whole) + "s";
}

std::string latency(double seconds) {
  const double millis = seconds * 1000;
  if (millis < 9.95) return formatted("%.1f ms", millis);
  if (millis < 999.5) return formatted("%.0f ms", millis);
  return formatted("%.1f s", seconds);
}

bool is_node_healthy(const json::object& node) {
  const std::string state = text_of(node, "state");
  const bool serves = state == "ready" || state == "draining" || state == "cordoned";
  return serves && number_of(node, "peers_joined") == number_of(node, "peers_known");
}

bool is_healthy(const json::object& status) {
  const json::array& nodes = nodes_of(status);
  return !nodes.empty() && std::all_of(nodes.begin(), nodes.end(), [](const json::value& node) {
    return node.is_object() && is_node_healthy(node.as_object());
  });
}

std::string summary(const json::object& status) {
  std::size_t joined = 0;
  double sessions = 0;
  std::string remarks;
  for (const json::value& value : nodes_of(status)) {
    if (!value.is_object()) continue;
    const json::object& node = value.as_object();
    const std::string state = text_of(node, "state");
    const bool is_joined = is_node_healthy(node);
    joined += is_joined ? 1 : 0;
    sessions += number_of(node, "sessions", 0);
    if (state != "ready") {
      remarks += ", " + text_of(node, "name") + " is " + state;
    } else if (!is_joined) {
      remarks += ", " + text_of(node, "name") + " lacks peers";
    } else if (number_of(node, "peers_relayed", 0) > 0) {
      remarks += ", " + text_of(node, "name") + " reaches a peer through a third node only";
    }
  }
  return "cluster " + text_of(status, "cluster") + ": " +
         (is_healthy(status) ? "healthy, " : "unhealthy, ") + plural(joined, "node") + " joined, " +
         plural(static_cast<std::size_t>(sessions), "session") + remarks + "\n";
}

std::string table(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& right,
                  const std::vector<std::size_t>& width_min) {
  std::vector<std::size_t> widths = width_min;
  for (const auto& row : rows) {
    for (std::size_t at = 0; at < row.size(); ++at) {
      widths[at] = std::max(widths[at], width_of(row[at]));
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t at = 0; at < row.size(); ++at) {
      const std::string fill(widths[at] - width_of(row[at]), ' ');
      line += (at == 0 ? "" : "  ") + (right[at] ? fill + row[at] : row[at] + fill);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string node_table(const json::object& status) {
  std::vector<std::vector<std::string>> rows = {{"node", "version", "state", "since", "sessions",
                                                 "peers", "lag p99", "backlog", "mysql", "lease"}};
  for (const json::value& value : nodes_of(status)) {
    if (!value.is_object()) continue;
    const json::object& node = value.as_object();
    const double since = number_of(node, "since_s");
    const double lag = number_of(node, "lag_p99_s");
    rows.push_back({text_of(node, "name"), text_of(node, "version"), text_of(node, "state"),
                    since < 0 ? "-" : age(since), count_of(node, "sessions"), peers_of(node),
                    lag < 0 ? "-" : latency(lag), count_of(node, "backlog_records"), mysql_of(node),
                    lease_of(node)});
  }
  // A million sessions fit; so the columns stay where they are when one node grows.
  return table(rows, {false, false, false, false, true, true, true, true, true, false},
               {0, 0, 0, 0, 9, 0, 0, 0, 0, 0});
}

std::string drain_line(const json::object& drain) {
  const std::string phase = text_of(drain, "phase");
  const double total = number_of(drain, "sessions_total", 0);
  const double moved = number_of(drain, "sessions_moved", 0);
  const double failed = number_of(drain, "sessions_failed", 0);
  const json::value* successor = drain.if_contains("has_successor");
  const bool has_successor = successor && successor->is_bool() && successor->as_bool();
  if (phase == "notice") return "1 notice    readiness is off; waiting for load balancers";
  if (phase == "settle") return "3 settle    writes flushed, lease released";
  if (phase == "exit") {
    return "4 exit      left behind: " +
           grouped(static_cast<std::uint64_t>(std::max(0.0, total - moved)));
  }
  const double left = number_of(drain, "deadline_remaining_s", 0);
  std::string line = "2 handoff   " + formatted("%.0f/s  ", number_of(drain, "rate_per_s", 0));
  line += grouped(static_cast<std::uint64_t>(moved)) + " of " +
          grouped(static_cast<std::uint64_t>(total)) + (has_successor ? " moved" : " ended") +
          "  " + grouped(static_cast<std::uint64_t>(failed)) + " failed  ";
  line += total > 0 ? formatted("%.0f %%", 100 * moved / total) : std::string("100 %");
  const auto seconds = static_cast<int>(left);
  char deadline[32];
  std::snprintf(deadline, sizeof(deadline), "  deadline in %02d:%02d", seconds / 60, seconds % 60);
  return line + deadline;
}

}  // namespace server::ctl
