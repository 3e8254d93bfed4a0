#pragma once

#include <functional>
#include <optional>

#include "server/router/router.h"
#include "server/session/detached_sessions.h"
#include "server/session/session_giver.h"
#include "server/session/session_taker.h"

namespace server {

/// What one loop does so that sessions outlive their streams: keeps those without one, gives them
/// to other loops, of this node or another, and takes theirs.
///
/// Threads: lives on its loop; made before that starts. Design: docs/design/0016-resumption.md
class SessionMoves final : public MoveMessages {
 public:
  /// As of SessionTaker.
  SessionMoves(RoutedLoop& home, SessionServices services, std::function<bool()> accepts);
  ~SessionMoves();

  DetachedSessions& detached() { return detached_; }
  SessionTaker& taker() { return taker_; }

  /// From now on gives those away whose clients do not come: a drain. `successor` names the node
  /// for the next one, if there is any.
  void hand_over_all(std::function<std::optional<replication::NodeRef>()> successor);

  /// Ends all sessions that are here. Their loop goes on for a while.
  void stop();

  void on_message(replication::NodeRef from, std::string_view message) override;
  void on_node_gone(replication::NodeRef node) override;

 private:
  void on_tick();

  RoutedLoop& home_;
  const Router& router_;
  DetachedSessions detached_;
  SessionGiver giver_;
  SessionTaker taker_;
  std::function<std::optional<replication::NodeRef>()> successor_;  // During a drain.
};

}  // namespace server
