#include "tools/cluster/placement.h"

#include <algorithm>
#include <tuple>

namespace cluster {

std::uint64_t Placement::placed_on(const std::string& node) const {
  const auto found = placed_.find(node);
  return found == placed_.end() ? 0 : found->second;
}

std::optional<NodeLook> Placement::place() {
  const NodeLook* best = nullptr;
  const auto burden = [&](const NodeLook& node) {
    const std::uint64_t placed = placed_on(node.name);
    return std::tuple(std::max(node.sessions, placed), placed, node.name);
  };
  for (const NodeLook& node : nodes_) {
    if (node.ready && (best == nullptr || burden(node) < burden(*best))) best = &node;
  }
  if (best == nullptr) return std::nullopt;
  ++placed_[best->name];
  return *best;
}

void Placement::release(const std::string& node) {
  const auto found = placed_.find(node);
  if (found == placed_.end()) return;
  if (--found->second == 0) placed_.erase(found);
}

}  // namespace cluster
