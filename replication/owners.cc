#include "replication/owners.h"

#include <cassert>

namespace replication {

Owners::Owners(const NodeId& self, OutboxLimits limits)
    : limits_(limits), by_ref_(owners_max), life_(owners_max) {
  [[maybe_unused]] auto ref = intern(self);
  assert(ref.has_value() && *ref == self_ref);
  set_life(self_ref, Life::reachable);
}

Result<NodeRef> Owners::intern(const NodeId& id) {
  return index_.with([&](Index& index) -> Result<NodeRef> {
    if (auto found = index.refs.find(id); found != index.refs.end()) return found->second;
    if (index.owners.size() == owners_max) return make_error_code(Errc::too_many_nodes);
    NodeRef ref{static_cast<std::uint16_t>(index.owners.size())};
    index.owners.push_back(std::make_unique<Owner>(id, limits_));
    index.refs.emplace(id, ref);
    by_ref_[ref.index].store(index.owners.back().get(), std::memory_order_release);
    return ref;
  });
}

Result<NodeRef> Owners::find(const NodeId& id) const {
  return index_.with([&](const Index& index) -> Result<NodeRef> {
    if (auto found = index.refs.find(id); found != index.refs.end()) return found->second;
    return make_error_code(Errc::unknown_node);
  });
}

Owners::Owner& Owners::owner(NodeRef ref) const {
  Owner* owner = by_ref_[ref.index].load(std::memory_order_acquire);
  assert(owner != nullptr);
  return *owner;
}

bool Owners::known(NodeRef ref) const {
  return by_ref_[ref.index].load(std::memory_order_acquire) != nullptr;
}

}  // namespace replication
