#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "replication/node.h"
#include "server/router/router.h"
#include "server/router/session_directory.h"

namespace server {

/// Tells this node's sessions of those that were on a node which is gone, or is back. A session
/// that ends tells by itself; one that dies with its node cannot.
///
/// What goes at once is told at once: a dead node's sessions in one walk over ours, in steps that
/// leave a loop time for others.
///
/// Threads: made before the node starts, and outlives its running; the rest is [any thread].
class NodeWatch {
 public:
  NodeWatch(replication::Node& node, SessionDirectory& directory,
            std::vector<std::unique_ptr<RoutedLoop>>& loops);

  /// A link to that life of a node is up, and its sessions are known.
  void peer_joined(const replication::NodeId& peer);

 private:
  using Visit = std::function<void(Recipient&)>;

  void tell_of_gone();
  void visit_all(const Visit& visit);
  static void visit_from(RoutedLoop& loop, std::size_t slot, std::shared_ptr<const Visit> visit);

  replication::Node& node_;
  SessionDirectory& directory_;
  std::vector<std::unique_ptr<RoutedLoop>>& loops_;
  std::mutex mutex_;
  GoneSessions gone_;  // Since the last tick; under mutex_.
};

}  // namespace server
