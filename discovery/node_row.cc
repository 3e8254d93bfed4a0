#include "discovery/node_row.h"

#include <algorithm>
#include <charconv>

namespace discovery {

std::string_view name(NodeState state) {
  switch (state) {
    case NodeState::joining:
      return "joining";
    case NodeState::ready:
      return "ready";
    case NodeState::draining:
      return "draining";
    case NodeState::unknown:
      break;
  }
  return "unknown";
}

NodeState parse_node_state(std::string_view text) {
  for (NodeState state : {NodeState::joining, NodeState::ready, NodeState::draining}) {
    if (text == name(state)) return state;
  }
  return NodeState::unknown;
}

bool same_node(const NodeRow& one, const NodeRow& other) {
  return one.name == other.name && one.incarnation == other.incarnation &&
         one.number == other.number && one.peer_address == other.peer_address &&
         one.version == other.version && one.protocol_min == other.protocol_min &&
         one.protocol_max == other.protocol_max && one.state == other.state;
}

bool compatible(const NodeRow& one, const NodeRow& other) {
  if (one.protocol_max == 0 || other.protocol_max == 0) return true;
  return one.protocol_min <= other.protocol_max && other.protocol_min <= one.protocol_max;
}

std::optional<HostPort> parse_host_port(std::string_view text) {
  constexpr std::size_t bytes_max = 255;
  const std::size_t colon = text.rfind(':');
  if (text.size() > bytes_max || colon == std::string_view::npos) return std::nullopt;

  HostPort parts;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), parts.port);
  if (error != std::errc() || end != digits.data() + digits.size() || parts.port == 0) {
    return std::nullopt;
  }

  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  // Without brackets a colon belongs to an IPv6 address, whose end cannot be told from the port.
  const bool allowed = std::ranges::all_of(host, [bracketed](char c) {
    return c > ' ' && c < 0x7f && c != '[' && c != ']' && c != '/' && (bracketed || c != ':');
  });
  if (host.empty() || !allowed) return std::nullopt;
  parts.host = host;
  return parts;
}

bool is_node_name(std::string_view text) {
  constexpr std::size_t bytes_max = 250;
  return !text.empty() && text.size() <= bytes_max && std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < 0x7f && c != '/' && c != '"' && c != '\'' && c != '\\';
  });
}

}  // namespace discovery
