#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "replication/environment.h"
#include "replication/node.h"
#include "replication/owners.h"
#include "replication/table_core.h"

namespace replication {

class Mesh;

/// What the parts of a node share: its options, the lives of nodes it has met, and its tables.
///
/// Threads: `tables` and the handlers are fixed once the node is started; the rest from any thread.
class NodeState {
 public:
  NodeState(NodeOptions node_options, Events& node_events,
            std::unique_ptr<Environment> node_environment);
  ~NodeState();

  TableCore& add_table(std::string name, TableOptions table_options);

  /// [any thread] Tells the link thread that there is something to send; cheap when it knows.
  void wake(Wake wake);

  const std::unique_ptr<Environment> environment;  // First: all below may use it to their end.
  const NodeOptions options;
  const NodeId id;
  Events& events;
  Owners owners;
  std::vector<std::unique_ptr<TableCore>> tables;
  Node::MessageHandler message_handler;
  Node::UndeliveredHandler undelivered_handler;
  std::unique_ptr<Mesh> mesh;
  bool started = false;
};

}  // namespace replication
