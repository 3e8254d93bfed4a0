#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace discovery {

/// Where a node is in its life, as it says itself.
enum class NodeState {
  joining,   ///< up, not yet caught up with its peers
  ready,     ///< serves clients
  draining,  ///< serves those it has, takes no new ones, will leave
  unknown,   ///< a state that a newer release knows; never written
};

/// `joining`, `ready`, `draining`; anything else is `unknown`.
std::string_view name(NodeState state);
NodeState parse_node_state(std::string_view text);

/// One node as the registry lists it.
struct NodeRow {
  std::string name{};              ///< 1..250 bytes, unique in the cluster
  std::uint64_t incarnation = 0;   ///< this life of the node, later lives are greater; 0: not said
  std::uint16_t number = 0;        ///< 1.., unique among the listed; 0: the registry gives none
  std::string peer_address{};      ///< `host:port` that peers dial, 1..255 bytes
  std::string version{};           ///< of the program, at most 64 bytes
  std::uint32_t protocol_min = 0;  ///< the range of peer protocols that it speaks;
  std::uint32_t protocol_max = 0;  ///< 0..0 when the registry does not say
  NodeState state = NodeState::joining;

  /// By the registry's own clock; negative once the lease is over. Always falling, so it is left
  /// out of `same_node`.
  std::chrono::milliseconds lease_remaining{0};
};

/// Equal in all that a peer acts upon (everything but the lease).
bool same_node(const NodeRow& one, const NodeRow& other);

/// Whether the two can talk: one protocol version that both speak, or either does not say.
bool compatible(const NodeRow& one, const NodeRow& other);

/// The parts of `host:port`, `[v6]:port`.
struct HostPort {
  std::string host{};
  std::uint16_t port = 0;
};

/// Absent when `text` is not of that form, has a port of 0, or is longer than 255 bytes.
std::optional<HostPort> parse_host_port(std::string_view text);

/// Whether a node may be called this: 1..250 bytes of printable ASCII, no blank, slash or quote.
bool is_node_name(std::string_view text);

}  // namespace discovery
