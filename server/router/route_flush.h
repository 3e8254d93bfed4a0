#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "replication/node_id.h"
#include "server/loop/loop.h"

namespace server {

class Router;

/// Tells one loop when all that was routed to it before has come: of every node, and of each loop
/// there. An echo goes to all; each answers after each of its loops has finished the turn it was
/// in, on the way that stanzas take, behind those that it had sent.
///
/// A node that does not answer within `patience`, as it is frozen or cut off, is not waited for:
/// what it had sent comes later.
///
/// Threads: lives on its loop.
class RouteFlush {
 public:
  static constexpr auto patience = std::chrono::seconds(2);

  RouteFlush(Loop& home, Router& router);

  /// Calls `done` later, once. What is asked for while an echo is out waits for the next one, so
  /// that many share it.
  void after(std::function<void()> done);

  void on_answer(replication::NodeRef node, std::uint64_t round);
  void on_node_gone(replication::NodeRef node);

 private:
  void begin();
  void end();
  void on_tick();

  Loop& home_;
  Router& router_;
  std::vector<std::function<void()>> current_, next_;
  std::vector<replication::NodeRef> awaited_;  // Of the current round.
  std::uint64_t round_ = 0;
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace server
