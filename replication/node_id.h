#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace replication {

/// The longest name of a node, in bytes.
constexpr std::size_t node_name_bytes_max = 250;

/// One life of one node: a node that restarts is another NodeId with the same name.
struct NodeId {
  std::string name;               ///< 1..node_name_bytes_max bytes, unique in the cluster.
  std::uint64_t incarnation = 0;  ///< Start stamp: a later start has a greater one.

  auto operator<=>(const NodeId&) const = default;
};

/// A NodeId as a small number that is valid in this process only, for its whole life: it is never
/// given to another node. Records keep this, so an owner costs a record two bytes.
struct NodeRef {
  std::uint16_t index = 0;

  auto operator<=>(const NodeRef&) const = default;
};

/// This process's own node has the same NodeRef everywhere.
constexpr NodeRef self_ref{0};

}  // namespace replication

template <>
struct std::hash<replication::NodeRef> {
  std::size_t operator()(replication::NodeRef ref) const noexcept { return ref.index; }
};
