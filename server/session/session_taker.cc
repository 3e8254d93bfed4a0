#include "server/session/session_taker.h"

#include <vector>

#include "replication/deadline.h"

namespace server {
namespace {

using Clock = std::chrono::steady_clock;

// Two moves in a row, each with the wait for what the client had sent, and some patience.
constexpr auto resume_max = std::chrono::seconds(10);

constexpr auto ask_again_after = std::chrono::milliseconds(50);

// A node that is slower is not waited for: it hears of the session's new place later.
constexpr auto bound_max = std::chrono::seconds(2);

}  // namespace

SessionTaker::SessionTaker(RoutedLoop& home, SessionServices services, DetachedSessions& detached,
                           std::function<bool()> accepts)
    : home_(home), services_(services), detached_(detached), accepts_(std::move(accepts)) {
  home_.loop.on_tick([this] { on_tick(); });
}

void SessionTaker::resume(const xmpp::Jid& account, std::string_view previd, xmpp::StanzaCount h,
                          std::weak_ptr<ResumeWaiter> waiter) {
  Wish wish{.jid = {}, .h = h, .waiter = std::move(waiter), .deadline = Clock::now() + resume_max};
  // Of another account's session there is none: the account is the one that has logged in.
  if (const auto id = parse_resume_id(previd)) {
    wish.token = id->token;
    if (auto jid = account.with_resource(id->resource)) wish.jid = *std::move(jid);
  }
  const std::uint64_t number = ++last_number_;
  wishes_.emplace(number, std::move(wish));
  // The waiter is told later, also where there is nothing to ask for.
  home_.loop.post([this, number] { ask(number); });
}

void SessionTaker::ask(std::uint64_t number) {
  const auto found = wishes_.find(number);
  if (found == wishes_.end()) return;
  Wish& wish = found->second;
  const auto entry = wish.jid.is_empty() ? std::nullopt : services_.directory.find(wish.jid);
  if (!entry) return fail(number);
  wish.asked = entry->address;
  const MoveRequest request{.session = entry->address.session,
                            .taker_loop = static_cast<std::uint16_t>(home_.loop.index()),
                            .number = number,
                            .h = wish.h,
                            .jid = wish.jid,
                            .token = wish.token};
  if (!services_.router.send_move(entry->address.node, entry->address.loop, encode(request))) {
    fail(number);
  }
}

void SessionTaker::fail(std::uint64_t number, std::optional<xmpp::StanzaCount> sent) {
  const auto wish = wishes_.extract(number);
  if (wish.empty()) return;
  home_.counters.resumes.add(Resumption::failed);
  const auto waiter = wish.mapped().waiter.lock();
  if (!waiter || !waiter->is_waiting()) return;
  if (!sent) return waiter->on_not_resumed({});
  waiter->on_not_resumed(CountTooHigh{.h = wish.mapped().h, .sent = *sent});
}

void SessionTaker::on_refused(const MoveRefused& refused) {
  const auto found = wishes_.find(refused.number);
  if (found == wishes_.end()) return;
  switch (refused.why) {
    case MoveRefusal::too_high:
      return fail(refused.number, refused.sent);
    case MoveRefusal::moving:
      return home_.loop.after(ask_again_after, [this, number = refused.number] { ask(number); });
    case MoveRefusal::gone: {
      // From there; it may have moved on meanwhile.
      const auto entry = services_.directory.find(found->second.jid);
      if (entry && entry->address != found->second.asked) return ask(refused.number);
      return fail(refused.number);
    }
  }
}

void SessionTaker::on_state(replication::NodeRef from, MoveState moved) {
  std::shared_ptr<ResumeWaiter> waiter;
  bool is_wanted = moved.number == 0 && accepts_();
  if (const auto wish = wishes_.extract(moved.number)) {
    waiter = wish.mapped().waiter.lock();
    if (waiter && !waiter->is_waiting()) waiter = nullptr;
    is_wanted = true;  // Also without the stream: its client will come again.
  }
  if (!is_wanted) {
    (void)services_.router.send_move(from, moved.origin.loop,
                                     encode(MoveStep::declined, moved.origin.session));
    return;
  }
  moved.state.record.is_detached = !waiter;
  NoStream none;
  auto session = std::make_unique<Session>(home_, services_, waiter ? waiter->output() : none,
                                           std::move(moved.state));
  coming_[{from, moved.origin}] = session->id();
  tell_when_bound(*session, from, moved.origin);
  if (!waiter) return detached_.keep(std::move(session));
  home_.counters.resumes.add(from == replication::self_ref ? Resumption::same_node
                                                           : Resumption::other_node);
  waiter->on_resumed(std::move(session));
}

void SessionTaker::tell_when_bound(const Session& session, replication::NodeRef giver,
                                   const MoveOrigin& origin) {
  services_.directory.table().when_replicated(session.bound_position(), replication::in(bound_max),
                                              [this, giver, origin](boost::system::error_code) {
                                                home_.loop.post([this, giver, origin] {
                                                  (void)services_.router.send_move(
                                                      giver, origin.loop,
                                                      encode(MoveStep::bound, origin.session));
                                                });
                                              });
}

void SessionTaker::on_copy(replication::NodeRef from, const MoveCopy& copy) {
  const auto coming = coming_.find({from, copy.origin});
  if (coming == coming_.end()) return;  // It was declined, and the giver goes on with it.
  const RoutedStanza& stanza = copy.stanza;
  if (stanza.ticket && from != replication::self_ref) home_.reports->add_moved(stanza.ticket, from);
  auto* session = dynamic_cast<Session*>(home_.sessions.find(coming->second));
  if (session == nullptr) return services_.router.undeliverable(stanza, &home_);
  if (copy.is_forwarded) return session->take_forwarded(stanza);
  session->take_copy(stanza);
}

void SessionTaker::on_end(replication::NodeRef from, const MoveEnd& ended) {
  const auto coming = coming_.find({from, ended.origin});
  if (coming == coming_.end()) return;
  end(coming, ended.has_mail);
  (void)services_.router.send_move(from, ended.origin.loop,
                                   encode(MoveStep::done, ended.origin.session));
}

void SessionTaker::end(Coming::iterator coming, bool has_mail) {
  auto* session = dynamic_cast<Session*>(home_.sessions.find(coming->second));
  coming_.erase(coming);
  if (session != nullptr && session->is_arriving()) session->arrived(has_mail);
}

void SessionTaker::on_node_gone(replication::NodeRef node) {
  for (auto coming = coming_.begin(); coming != coming_.end();) {
    const auto next = std::next(coming);
    if (coming->first.first == node) end(coming, false);
    coming = next;
  }
  std::vector<std::uint64_t> asked;
  for (const auto& [number, wish] : wishes_) {
    if (wish.asked.node == node) asked.push_back(number);
  }
  for (const std::uint64_t number : asked) ask(number);
}

void SessionTaker::on_tick() {
  std::vector<std::uint64_t> late;
  for (const auto& [number, wish] : wishes_) {
    if (Clock::now() > wish.deadline) late.push_back(number);
  }
  for (const std::uint64_t number : late) fail(number);
}

}  // namespace server
