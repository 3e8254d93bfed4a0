#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/router/router.h"
#include "server/session/detached_sessions.h"
#include "server/session/move_messages.h"

namespace server {

/// One loop's half of the moves that begin on it: gives its sessions to the loops that ask for them
/// for a client, or that are to have them as this node ends.
///
/// A session rests first: what its client sent has to be safe, or two seconds over. From the moment
/// its state is sent, what comes for it is sent behind, until the taker's place is known to all and
/// a RouteFlush says that nothing is on its way any more. All that was sent is kept until the taker
/// has said that it has it; of a taker that dies before, the session is dead too if it was taking
/// it up for a client, which may have gone on there; else it goes on here.
///
/// Threads: lives on its loop. Design: docs/design/0016-resumption.md
class SessionGiver {
 public:
  SessionGiver(RoutedLoop& home, SessionServices services, DetachedSessions& detached);
  ~SessionGiver();

  /// Gives a detached session to `node`, unasked. Nothing happens if it is not there, or about to
  /// move.
  void hand_over(SessionId session, replication::NodeRef node);

  void on_request(replication::NodeRef from, const MoveRequest& request);
  void on_bound(replication::NodeRef from, SessionId session);
  void on_done(replication::NodeRef from, SessionId session);
  void on_declined(replication::NodeRef from, SessionId session);
  void on_node_gone(replication::NodeRef node);

  /// Forgets what is under way: the node ends.
  void stop();

 private:
  /// A session that is to move, once it rests.
  struct Waiting {
    SessionId session = 0;
    replication::NodeRef taker{};
    std::uint16_t taker_loop = 0;
    std::uint64_t number = 0;  // Of the request; 0 for none.
    xmpp::StanzaCount h = 0;
    std::chrono::steady_clock::time_point deadline{};
  };

  /// Stands in a session's place from the moment its state is sent.
  struct Given final : Recipient {
    Given(SessionGiver& giver, const Waiting& move, SessionState state)
        : giver(giver), move(move), state(std::move(state)) {}

    bool deliver(const RoutedStanza& stanza) override;
    void settled(std::uint64_t) override {}
    void on_mail() override { has_mail = true; }
    void on_mail_delivered() override {}
    void on_ack_tick() override {}
    void displace() override {}

    SessionGiver& giver;
    const Waiting move;
    SessionState state;
    std::vector<MoveCopy> copies;  // Sent, and not known to have come.
    bool has_mail = false;
  };

  void refuse(replication::NodeRef node, std::uint16_t loop, const MoveRefused& refused);
  void look();
  bool try_move(const Waiting& move);
  void give(const Waiting& move);
  bool send_copy(const Given& given, const MoveCopy& copy);
  Given* find(SessionId session, replication::NodeRef taker) const;
  void take_back(SessionId session, bool goes_on);

  RoutedLoop& home_;
  SessionServices services_;
  DetachedSessions& detached_;
  std::vector<Waiting> waiting_;
  bool is_looking_ = false;
  std::unordered_map<SessionId, std::unique_ptr<Given>> given_;
  std::uint16_t next_loop_ = 0;
};

}  // namespace server
