#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "server/router/router.h"
#include "server/session/detached_sessions.h"
#include "server/session/move_messages.h"

namespace server {

/// A client says that it has handled more than it was sent.
struct CountTooHigh {
  xmpp::StanzaCount h = 0;
  xmpp::StanzaCount sent = 0;
};

/// A stream whose client has asked for its former session. Lives on its loop.
class ResumeWaiter {
 public:
  /// False when the stream has ended meanwhile.
  virtual bool is_waiting() const = 0;

  virtual StreamOutput& output() = 0;

  /// The session is the stream's. What its client has not acknowledged follows.
  virtual void on_resumed(std::unique_ptr<Session> session) = 0;

  /// There is none for it; or there is, and the client has miscounted.
  virtual void on_not_resumed(std::optional<CountTooHigh> fault) = 0;

 protected:
  ~ResumeWaiter() = default;
};

/// One loop's half of the moves that end on it: finds the sessions that its clients want to resume,
/// wherever they are, and takes what it is given.
///
/// Threads: lives on its loop. Design: docs/design/0016-resumption.md
class SessionTaker {
 public:
  /// `accepts`: whether sessions are taken that nobody here has asked for.
  SessionTaker(RoutedLoop& home, SessionServices services, DetachedSessions& detached,
               std::function<bool()> accepts);

  /// The client of `account`, which is logged in, has handled `h` stanzas of the session `previd`
  /// (XEP-0198 §5). Tells `waiter` later, once, if it is still there.
  void resume(const xmpp::Jid& account, std::string_view previd, xmpp::StanzaCount h,
              std::weak_ptr<ResumeWaiter> waiter);

  void on_refused(const MoveRefused& refused);
  void on_state(replication::NodeRef from, MoveState moved);
  void on_copy(replication::NodeRef from, const MoveCopy& copy);
  void on_end(replication::NodeRef from, const MoveEnd& end);
  void on_node_gone(replication::NodeRef node);

  /// Takes nothing any more: the node ends.
  void stop() {
    accepts_ = [] { return false; };
  }

 private:
  struct Wish {
    xmpp::Jid jid;
    ResumeToken token{};
    xmpp::StanzaCount h = 0;
    std::weak_ptr<ResumeWaiter> waiter;
    SessionAddress asked{};
    std::chrono::steady_clock::time_point deadline{};
  };
  using Coming = std::map<std::pair<replication::NodeRef, MoveOrigin>, SessionId>;

  void ask(std::uint64_t number);
  void fail(std::uint64_t number, std::optional<xmpp::StanzaCount> sent = {});
  void tell_when_bound(const Session& session, replication::NodeRef giver,
                       const MoveOrigin& origin);
  void end(Coming::iterator coming, bool has_mail);
  void on_tick();

  RoutedLoop& home_;
  SessionServices services_;
  DetachedSessions& detached_;
  std::function<bool()> accepts_;
  std::uint64_t last_number_ = 0;
  std::unordered_map<std::uint64_t, Wish> wishes_;
  Coming coming_;  // The sessions here of which something may still come.
};

}  // namespace server
