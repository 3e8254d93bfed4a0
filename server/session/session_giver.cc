#include "server/session/session_giver.h"

#include <algorithm>

namespace server {
namespace {

using Clock = std::chrono::steady_clock;

// What a client sent is safe in a second or so; see Settlement. Where the database is away it is
// not, and waiting longer would not make it so.
constexpr auto rest_max = std::chrono::seconds(2);

constexpr auto look_interval = std::chrono::milliseconds(20);

}  // namespace

SessionGiver::SessionGiver(RoutedLoop& home, SessionServices services, DetachedSessions& detached)
    : home_(home), services_(services), detached_(detached) {}

SessionGiver::~SessionGiver() = default;

void SessionGiver::refuse(replication::NodeRef node, std::uint16_t loop,
                          const MoveRefused& refused) {
  if (refused.number == 0) return;
  (void)services_.router.send_move(node, loop, encode(refused));
}

void SessionGiver::on_request(replication::NodeRef from, const MoveRequest& request) {
  const auto refuse_as = [&](MoveRefusal why) {
    refuse(from, request.taker_loop, {.number = request.number, .why = why});
  };
  if (given_.contains(request.session)) return refuse_as(MoveRefusal::moving);
  // What is on a loop is a session or a Given.
  auto* session = dynamic_cast<Session*>(home_.sessions.find(request.session));
  if (session == nullptr || session->jid() != request.jid || !session->is_resumable() ||
      !session->has_token(request.token)) {
    return refuse_as(MoveRefusal::gone);
  }
  if (session->is_arriving()) return refuse_as(MoveRefusal::moving);
  session->output().give_up_session();
  if (detached_.find(request.session) == nullptr) return refuse_as(MoveRefusal::gone);
  const Waiting move{.session = request.session,
                     .taker = from,
                     .taker_loop = request.taker_loop,
                     .number = request.number,
                     .h = request.h,
                     .deadline = Clock::now() + rest_max};
  const auto earlier = std::ranges::find(waiting_, request.session, &Waiting::session);
  if (earlier == waiting_.end()) {
    waiting_.push_back(move);
  } else if (earlier->number == 0) {
    *earlier = move;  // Its client comes first.
  } else {
    return refuse_as(MoveRefusal::moving);
  }
  look();
}

void SessionGiver::hand_over(SessionId session, replication::NodeRef node) {
  const Session* found = detached_.find(session);
  if (found == nullptr || found->is_arriving()) return;
  if (std::ranges::find(waiting_, session, &Waiting::session) != waiting_.end()) return;
  waiting_.push_back({.session = session,
                      .taker = node,
                      .taker_loop = next_loop_++,
                      .deadline = Clock::now() + rest_max});
  look();
}

void SessionGiver::look() {
  std::erase_if(waiting_, [this](const Waiting& move) { return try_move(move); });
  if (waiting_.empty() || is_looking_) return;
  is_looking_ = true;
  home_.loop.after(look_interval, [this] {
    is_looking_ = false;
    look();
  });
}

// Whether nothing is to be waited for any more.
bool SessionGiver::try_move(const Waiting& move) {
  Session* session = detached_.find(move.session);
  if (session == nullptr) {
    refuse(move.taker, move.taker_loop, {.number = move.number, .why = MoveRefusal::gone});
    return true;
  }
  if (!session->is_at_rest() && Clock::now() < move.deadline) return false;
  if (move.number != 0 &&
      session->acks().acknowledge(move.h) == xmpp::AckOutcome::handled_count_too_high) {
    refuse(move.taker, move.taker_loop,
           {.number = move.number, .why = MoveRefusal::too_high, .sent = session->acks().sent()});
    return true;
  }
  give(move);
  return true;
}

void SessionGiver::give(const Waiting& move) {
  const std::unique_ptr<Session> session = detached_.take(move.session);
  std::vector<RoutedStanza> unacked;
  auto given = std::make_unique<Given>(*this, move, session->hand_over(unacked));
  const MoveOrigin origin{static_cast<std::uint16_t>(home_.loop.index()), move.session};
  for (RoutedStanza& stanza : unacked) {
    given->copies.push_back({.origin = origin, .stanza = std::move(stanza)});
  }
  home_.sessions.replace(move.session, given.get());
  home_.counters.sessions_detached.raise(1);  // Until it is known to have come.
  Given& moving = *given_.emplace(move.session, std::move(given)).first->second;
  const bool is_sent = services_.router.send_move(
      move.taker, move.taker_loop,
      encode(MoveState{.origin = origin, .number = move.number, .state = moving.state}));
  if (!is_sent) {
    refuse(move.taker, move.taker_loop, {.number = move.number, .why = MoveRefusal::gone});
    return take_back(move.session, true);
  }
  std::erase_if(moving.copies, [&](const MoveCopy& copy) {
    if (send_copy(moving, copy)) return false;
    services_.router.undeliverable(copy.stanza, &home_);  // The link is full.
    return true;
  });
}

bool SessionGiver::send_copy(const Given& given, const MoveCopy& copy) {
  const auto& owner = services_.router.id_of(copy.stanza.ticket.node);
  return services_.router.send_move(given.move.taker, given.move.taker_loop, encode(copy, owner));
}

bool SessionGiver::Given::deliver(const RoutedStanza& stanza) {
  MoveCopy copy{.origin = {static_cast<std::uint16_t>(giver.home_.loop.index()), move.session},
                .is_forwarded = true,
                .stanza = stanza};
  if (!giver.send_copy(*this, copy)) return false;
  copies.push_back(std::move(copy));
  return true;
}

SessionGiver::Given* SessionGiver::find(SessionId session, replication::NodeRef taker) const {
  const auto found = given_.find(session);
  return found != given_.end() && found->second->move.taker == taker ? found->second.get()
                                                                     : nullptr;
}

void SessionGiver::on_bound(replication::NodeRef from, SessionId session) {
  if (find(session, from) == nullptr) return;
  home_.flush->after([this, session] {
    const auto found = given_.find(session);
    if (found == given_.end()) return;
    const Given& given = *found->second;
    const MoveOrigin origin{static_cast<std::uint16_t>(home_.loop.index()), session};
    (void)services_.router.send_move(given.move.taker, given.move.taker_loop,
                                     encode(MoveEnd{.origin = origin, .has_mail = given.has_mail}));
  });
}

void SessionGiver::on_done(replication::NodeRef from, SessionId session) {
  const Given* given = find(session, from);
  if (given == nullptr) return;
  if (given->move.number == 0) home_.counters.sessions_handed_over.add();
  services_.directory.unbind(given->state.jid, given->state.record);
  home_.sessions.remove(session);
  home_.counters.sessions_detached.lower(1);
  given_.erase(session);
}

void SessionGiver::on_declined(replication::NodeRef from, SessionId session) {
  if (find(session, from) != nullptr) take_back(session, true);
}

void SessionGiver::on_node_gone(replication::NodeRef node) {
  std::erase_if(waiting_, [node](const Waiting& move) { return move.taker == node; });
  std::vector<SessionId> lost;
  for (const auto& [session, given] : given_) {
    if (given->move.taker == node) lost.push_back(session);
  }
  // A client may have gone on there with what it resumed: that is nobody's any more.
  for (const SessionId session : lost) {
    take_back(session, given_.at(session)->move.number == 0);
  }
}

// The session is here again, as it was when its state was sent, with what has come since; it goes
// on, or it ends.
void SessionGiver::take_back(SessionId id, bool goes_on) {
  const std::unique_ptr<Given> given = std::move(given_.extract(id).mapped());
  home_.sessions.remove(id);
  home_.counters.sessions_detached.lower(1);
  given->state.record.is_detached = true;
  NoStream none;
  auto session = std::make_unique<Session>(home_, services_, none, std::move(given->state));
  for (const MoveCopy& copy : given->copies) {
    if (copy.is_forwarded) {
      session->take_forwarded(copy.stanza);
    } else {
      session->take_copy(copy.stanza);
    }
  }
  session->arrived(given->has_mail);
  if (goes_on) detached_.keep(std::move(session));
}

void SessionGiver::stop() {
  waiting_.clear();
  // Their takers have them, or will hear that this node is gone; nobody is told anything here.
  for (const auto& [session, given] : given_) home_.sessions.remove(session);
  home_.counters.sessions_detached.lower(given_.size());
  given_.clear();
}

}  // namespace server
