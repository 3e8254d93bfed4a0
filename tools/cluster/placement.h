#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cluster {

/// What is known of a node that could take a new client.
struct NodeLook {
  std::string name;
  std::uint16_t c2s_port = 0;
  bool ready = false;
  std::uint64_t sessions = 0;  // As the node said last.

  friend bool operator==(const NodeLook&, const NodeLook&) = default;
};

/// Chooses the node of a new connection: the ready one with the fewest sessions. Clients that we
/// sent to a node and that have not logged in yet are in no figure of its, so our own connections
/// to it count where they are more; else a burst between two looks would all go to one node.
class Placement {
 public:
  /// Takes over what was seen of the nodes just now.
  void look(std::vector<NodeLook> nodes) { nodes_ = std::move(nodes); }

  /// The node for the next connection, counted until `release`; absent when none is ready.
  std::optional<NodeLook> place();

  /// A placed connection has ended.
  void release(const std::string& node);

 private:
  [[nodiscard]] std::uint64_t placed_on(const std::string& node) const;

  std::vector<NodeLook> nodes_;
  std::map<std::string, std::uint64_t> placed_;
};

}  // namespace cluster
