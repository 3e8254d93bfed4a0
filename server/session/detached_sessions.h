#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/router/router.h"
#include "server/session/session.h"

namespace server {

/// The sessions of one loop that have lost their stream and whose clients may resume them
/// (XEP-0198 §5): bound as before, they take what comes for them, until they are taken up, their
/// time is over, or their queue is full. Then they end as any other.
///
/// An account has at most `account_max` of them in the cluster (hardening E4): with one more, the
/// one of this node that was bound first ends.
///
/// Threads: lives on its loop.
class DetachedSessions {
 public:
  static constexpr std::size_t account_max = 10;

  /// `time`: how long a session waits.
  DetachedSessions(RoutedLoop& home, SessionDirectory& directory, Router& router,
                   std::chrono::milliseconds time);
  ~DetachedSessions();

  /// Keeps a session, which is resumable and whose stream is gone.
  void keep(std::unique_ptr<Session> session);

  /// Null when it is not here.
  Session* find(SessionId id) const;
  std::unique_ptr<Session> take(SessionId id);

  /// Those that have waited for `least` or longer, at most `count`, the first ones first.
  std::vector<SessionId> waiting(std::chrono::milliseconds least, std::size_t count) const;

  /// Ends all of them.
  void end_all();

  std::size_t size() const { return sessions_.size(); }

 private:
  using Clock = std::chrono::steady_clock;

  /// Stands in for the stream of one: what would end that ends the session.
  class Stand final : public NoStream {
   public:
    Stand(DetachedSessions& owner, SessionId id) : owner_(owner), id_(id) {}
    void close(xmpp::StreamErrorCondition, std::string_view, std::string_view) override;

   private:
    DetachedSessions& owner_;
    const SessionId id_;
  };

  struct Entry {
    Stand stand;
    std::unique_ptr<Session> session;
    Clock::time_point since;
  };

  void bound_account(const xmpp::Jid& jid);
  void on_tick();

  RoutedLoop& home_;
  SessionDirectory& directory_;
  Router& router_;
  const std::chrono::milliseconds time_;
  std::unordered_map<SessionId, Entry> sessions_;
  std::deque<std::pair<Clock::time_point, SessionId>> by_age_;  // Some have been taken since.
};

}  // namespace server
