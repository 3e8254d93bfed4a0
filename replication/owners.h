#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "replication/error.h"
#include "replication/guarded.h"
#include "replication/node_id.h"
#include "replication/outbox.h"

namespace replication {

/// The lives of nodes that this process has met, by number. Number 0 is this node.
///
/// Threads: any, unless said. What a reader of tables needs (`alive`) is one atomic load.
class Owners {
 public:
  enum class Life : std::uint8_t { gone, unreachable, reachable };

  /// One life of one node. Never freed before the Owners, so references stay good.
  struct Owner {
    Owner(NodeId id, OutboxLimits limits) : id(std::move(id)), outbox(limits) {}

    const NodeId id;
    Outbox outbox;                       // Messages to it.
    std::uint64_t message_received = 0;  // Link thread: the last message from it that was taken.
  };

  Owners(const NodeId& self, OutboxLimits limits);

  /// The number of `id`, new if need be. Errors: too_many_nodes.
  Result<NodeRef> intern(const NodeId& id);
  Result<NodeRef> find(const NodeId& id) const;

  const NodeId& id(NodeRef ref) const { return owner(ref).id; }
  Owner& owner(NodeRef ref) const;

  /// Whether `ref` is a number that intern() has given.
  bool known(NodeRef ref) const;

  Life life(NodeRef ref) const { return life_[ref.index].load(std::memory_order_acquire); }
  bool alive(NodeRef ref) const { return life(ref) != Life::gone; }
  void set_life(NodeRef ref, Life life) { life_[ref.index].store(life, std::memory_order_release); }

 private:
  static constexpr std::size_t owners_max = 65536;

  struct Index {
    std::map<NodeId, NodeRef> refs;
    std::vector<std::unique_ptr<Owner>> owners;
  };

  const OutboxLimits limits_;
  Guarded<Index> index_;
  std::vector<std::atomic<Owner*>> by_ref_;
  std::vector<std::atomic<Life>> life_;
};

}  // namespace replication
