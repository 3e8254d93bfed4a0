#include "server/router/router.h"

#include <algorithm>
#include <utility>

#include "replication/node.h"
#include "server/router/blocked_reply.h"
#include "server/router/carbons.h"
#include "server/router/stored_message.h"
#include "xmpp/stanza_error.h"

namespace server {
namespace {

/// Whether nobody is told when it cannot be delivered (RFC 6121 §8.5.2.2).
bool expects_no_error(const RoutedStanza& stanza) {
  return stanza.kind == xmpp::Stanza::Kind::presence || stanza.is_error() ||
         stanza.type == "result" ||
         (stanza.kind == xmpp::Stanza::Kind::message && stanza.type == "headline");
}

/// Whether a message is the account's where its resource is not there. RFC 6121 §8.5.3.2.1: one of
/// type chat is. So is any whose resource was there when it was sent.
bool is_for_account(const RoutedStanza& stanza) {
  return stanza.kind == xmpp::Stanza::Kind::message &&
         (stanza.to.is_bare() || stanza.type == "chat" || stanza.is_restored ||
          (stanza.ticket && stanza.reroutes > 0));
}

/// Whether it has to wait until what was sent before is stored; see Settlement.
bool holds_back(const RoutedStanza& stanza, RoutedLoop* here) {
  return here != nullptr && here->settlement && may_be_stored(stanza) &&
         here->settlement->holds_back(stanza);
}

template <class Condition>
void remove_if(SessionDirectory::Entries& entries, Condition condition) {
  entries.erase(std::remove_if(entries.begin(), entries.end(), condition), entries.end());
}

/// What a stanza in a mailbox keeps: near enough for a bound.
std::size_t memory_of(const RoutedStanza& stanza) {
  return sizeof stanza + stanza.from.str().size() + stanza.to.str().size() + stanza.xml.size();
}

}  // namespace

SessionId LoopSessions::add(Recipient* session) {
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  slots_[slot].session = session;
  ++slots_[slot].uses;
  ++size_;
  return SessionId{slots_[slot].uses} << 32 | slot;
}

void LoopSessions::remove(SessionId id) {
  if (find(id) == nullptr) return;
  const auto slot = static_cast<std::uint32_t>(id);
  slots_[slot].session = nullptr;
  free_.push_back(slot);
  --size_;
}

void LoopSessions::replace(SessionId id, Recipient* successor) {
  slots_[static_cast<std::uint32_t>(id)].session = successor;
}

Recipient* LoopSessions::find(SessionId id) const {
  const auto slot = static_cast<std::uint32_t>(id);
  if (slot >= slots_.size() || slots_[slot].uses != id >> 32) return nullptr;
  return slots_[slot].session;
}

Router::Router(std::vector<std::string> domains, SessionDirectory& directory,
               replication::Node& node)
    : domains_(std::move(domains)), directory_(directory), node_(node), blocks_(node) {
  blocks_.on_change([this](const std::string& account) { tell_of_block_list(account, nullptr); });
}

void Router::set_loops(std::vector<std::unique_ptr<RoutedLoop>>& loops) {
  loops_ = &loops;
  for (auto& loop : loops) {
    loop->reports = std::make_shared<FateReports>(loop->loop, *this);
    loop->flush = std::make_unique<RouteFlush>(loop->loop, *this);
  }
}

bool Router::serves(std::string_view domain) const {
  return std::find(domains_.begin(), domains_.end(), domain) != domains_.end();
}

void Router::displace(const SessionAddress& address) {
  RoutedLoop& home = loop_at(address.loop);
  home.loop.post([&home, address] {
    if (Recipient* session = home.sessions.find(address.session)) session->displace();
  });
}

void Router::route(const RoutedStanza& stanza, RoutedLoop* here) {
  if (!serves(stanza.to.domain())) {
    // RFC 6120 §10.4: there is no way to other servers yet.
    return bounce(stanza, xmpp::StanzaErrorCondition::remote_server_not_found, here);
  }
  if (!stanza.to.has_local()) {
    return bounce(stanza, xmpp::StanzaErrorCondition::service_unavailable, here);
  }
  if (refuse_blocked(stanza, here)) return;
  if (stanza.to.is_full()) return route_to_session(stanza, here);
  route_to_account(stanza, here);
}

bool Router::refuse_blocked(const RoutedStanza& stanza, RoutedLoop* here) {
  switch (blocks_.between(stanza.from, stanza.to)) {
    case Barrier::none:
      return false;
    case Barrier::sender: {
      settle(stanza, CopyFate::bounced, here);
      const auto parsed = xmpp::Stanza::parse(stanza.xml);
      if (parsed && parsed->may_be_answered_with_error()) {
        counters(here).stanzas_bounced.add(xmpp::name(xmpp::StanzaErrorCondition::not_acceptable));
        answer(stanza, blocked_reply(*parsed), here);
      }
      return true;
    }
    case Barrier::recipient:
      // XEP-0191 §3.3: presence gets no answer, the rest one as if nobody were there.
      if (stanza.kind != xmpp::Stanza::Kind::presence) {
        bounce(stanza, xmpp::StanzaErrorCondition::service_unavailable, here);
      } else {
        counters(here).stanzas_dropped.add("blocked");
      }
      return true;
  }
  return false;
}

void Router::route_to_session(const RoutedStanza& stanza, RoutedLoop* here) {
  if (const auto entry = directory_.find(stanza.to)) {
    return hand_out(entry->address, stanza, here);
  }
  if (is_for_account(stanza)) return route_to_account(stanza, here);
  no_recipient(stanza, here);
}

void Router::route_to_account(const RoutedStanza& stanza, RoutedLoop* here) {
  if (stanza.kind == xmpp::Stanza::Kind::iq) return no_recipient(stanza, here);
  SessionDirectory::Entries entries = directory_.find_all(stanza.to.bare_str());
  remove_if(entries, [](const auto& entry) { return !entry.record.is_available; });
  if (stanza.kind == xmpp::Stanza::Kind::presence) {
    // RFC 6121 §4.6.3, §8.5.2.1.2: to every available resource. Without one it is ignored.
    for (const auto& entry : entries) deliver(entry.address, stanza, here);
    return;
  }
  if (stanza.type == "groupchat" || stanza.is_error()) return no_recipient(stanza, here);
  // RFC 6121 §8.5.2.1.1: a negative priority takes no messages sent to the account.
  remove_if(entries, [](const auto& entry) { return entry.record.priority < 0; });
  if (entries.empty()) return no_recipient(stanza, here);
  if (stanza.type != "headline") {
    // … of the others, those that say they are the most available.
    const auto highest =
        std::max_element(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
          return a.record.priority < b.record.priority;
        })->record.priority;
    remove_if(entries, [&](const auto& entry) { return entry.record.priority != highest; });
  }
  if (holds_back(stanza, here)) return;
  // All are told apart before the first has it: its fate may be known at once.
  if (stanza.ticket) {
    for (const auto& entry : entries) here->settlement->handed(stanza.ticket, entry.address.node);
  }
  boost::container::small_vector<SessionAddress, 4> had;
  for (const auto& entry : entries) {
    deliver(entry.address, stanza, here);
    had.push_back(entry.address);
  }
  send_carbons(stanza, had, here);
}

// To one session, as one of the copies that the sender's loop waits for.
void Router::hand_out(const SessionAddress& address, const RoutedStanza& stanza, RoutedLoop* here) {
  if (holds_back(stanza, here)) return;
  if (stanza.ticket) here->settlement->handed(stanza.ticket, address.node);
  deliver(address, stanza, here);
  send_carbons(stanza, {&address, 1}, here);
}

// XEP-0280 §7, §8: copies for the other clients of both accounts that asked for them. `had` are the
// sessions that got the message itself.
void Router::send_carbons(const RoutedStanza& message, std::span<const SessionAddress> had,
                          RoutedLoop* here) {
  const bool is_error = message.kind == xmpp::Stanza::Kind::message && message.is_error();
  if (!may_be_stored(message) && !is_error) return;
  if (message.reroutes > 0 || message.is_restored) return;
  const auto is_due = [&](const auto& session) {
    return session.record.wants_carbons && std::ranges::find(had, session.address) == had.end();
  };
  std::optional<xmpp::Stanza> tree;  // Read when somebody wants a copy.
  const auto copy_to_others = [&](const xmpp::Jid& account, CarbonKind kind) {
    // Nearly always there is nobody, and then nothing is copied.
    if (std::ranges::none_of(directory_.find_all(account.bare_str()), is_due)) return;
    if (!tree) {
      auto parsed = xmpp::Stanza::parse(message.xml);
      if (!parsed) return;
      tree.emplace(*std::move(parsed));
    }
    if (!is_copied(*tree)) return;
    for (const auto& other : directory_.resources(account.bare_str())) {
      if (!is_due(other)) continue;
      auto to = account.with_resource(other.name);
      if (!to || *to == message.from) continue;
      deliver(other.address, carbon_of(*tree, kind, *std::move(to)), here);
    }
  };
  copy_to_others(message.to, CarbonKind::received);
  // An error is mostly the server's own: whom it names as its sender did not say it, and may not
  // even know what was said to him (hardening S12).
  if (!is_error && message.from.bare_str() != message.to.bare_str()) {
    copy_to_others(message.from, CarbonKind::sent);
  }
}

void Router::no_recipient(const RoutedStanza& stanza, RoutedLoop* here) {
  counters(here).observe_route(RouteScope::offline, stanza.read_at);
  if (expects_no_error(stanza)) {
    counters(here).stanzas_dropped.add("no-recipient");
    return;
  }
  if (here != nullptr && here->settlement && may_be_stored(stanza) && is_for_account(stanza)) {
    send_carbons(stanza, {}, here);
    return here->settlement->keep(stanza);
  }
  // RFC 6121 §8.5.2.2.1, §8.5.3.2.1. An account that does not exist answers alike (hardening S11).
  bounce(stanza, xmpp::StanzaErrorCondition::service_unavailable, here);
}

void Router::tell(std::string_view account, RoutedStanza stanza, RoutedLoop* here,
                  const Wanted& wanted) {
  const auto is_meant = [&](const auto& session) {
    return session.record.is_available && (!wanted || wanted(session.address));
  };
  const SessionDirectory::Entries sessions = directory_.find_all(account);
  if (std::ranges::none_of(sessions, is_meant)) return;
  auto to = xmpp::Jid::parse(account);
  if (!to) return;
  stanza.to = *std::move(to);
  if (!blocks_.has_list(account) && !blocks_.has_list(stanza.from.bare_str())) {
    for (const auto& session : sessions) {
      if (is_meant(session)) deliver(session.address, stanza, here);
    }
    return;
  }
  // A single session may be blocked, or block none but a single one.
  for (const auto& session : directory_.resources(account)) {
    const auto full = stanza.to.with_resource(session.name);
    if (is_meant(session) && full && blocks_.between(stanza.from, *full) == Barrier::none) {
      deliver(session.address, stanza, here);
    }
  }
}

void Router::push(const xmpp::Jid& account, std::string_view id, std::string_view payload,
                  RoutedLoop* here) {
  for (const auto& session : directory_.resources(account.bare_str())) {
    const auto to = account.with_resource(session.name);
    if (!to) continue;
    RoutedStanza stanza;
    stanza.kind = xmpp::Stanza::Kind::iq;
    stanza.type = "set";
    stanza.from = account;
    stanza.to = *to;
    stanza.xml =
        xmpp::SharedText("<iq type='set' id='" + std::string(id) + "' to='" +
                         xmpp::escape_attr(to->str()) + "'>" + std::string(payload) + "</iq>");
    deliver(session.address, stanza, here);
  }
}

void Router::tell_of_block_list(const std::string& account, const BlockTable::Hold& list) {
  for (const auto& session : directory_.find_all(account)) {
    if (session.address.node != replication::self_ref) continue;
    RoutedLoop& home = loop_at(session.address.loop);
    home.loop.post([&home, list, id = session.address.session] {
      if (Recipient* recipient = home.sessions.find(id)) recipient->on_block_list();
    });
  }
}

void Router::deliver(const SessionAddress& address, const RoutedStanza& stanza, RoutedLoop* here) {
  if (address.node != replication::self_ref) {
    const auto sent = node_.send(address.node, encode(stanza, address.loop, address.session));
    if (!sent && stanza.ticket) {
      return on_fates(address.node, {.loop = stanza.ticket.loop,
                                     .fates = {{stanza.ticket.number, CopyFate::returned}}});
    }
    if (!sent) return undeliverable(stanza, here);
    return counters(here).observe_route(RouteScope::remote, stanza.read_at);
  }
  if (here != nullptr && here->loop.index() == address.loop) {
    return deliver_here(*here, address, stanza);
  }
  RoutedLoop& home = loop_at(address.loop);
  const bool taken = home.loop.offer(
      [this, &home, address, stanza] { deliver_here(home, address, stanza); }, memory_of(stanza));
  if (!taken) mailbox_full(stanza, here);
}

void Router::deliver_here(RoutedLoop& home, const SessionAddress& address,
                          const RoutedStanza& stanza) {
  Recipient* session = home.sessions.find(address.session);
  if (session == nullptr || !session->deliver(stanza)) undeliverable(stanza, &home);
}

void Router::undeliverable(RoutedStanza stanza, RoutedLoop* here) {
  if (stanza.ticket) {
    // The loop that answers for it knows of the other copies. Where that is gone, we do.
    if (node_.alive(stanza.ticket.node)) return settle(stanza, CopyFate::returned, here);
    stanza.ticket = {};
  }
  if (++stanza.reroutes > reroutes_max) {
    return bounce(stanza, xmpp::StanzaErrorCondition::recipient_unavailable, here);
  }
  // Through a mailbox: the caller may be in the middle of ending the session that refused.
  RoutedLoop& next = here != nullptr ? *here : loop_at(0);
  const bool taken =
      next.loop.offer([this, &next, stanza] { route(stanza, &next); }, memory_of(stanza));
  if (!taken) mailbox_full(stanza, here);
}

void Router::mailbox_full(const RoutedStanza& stanza, RoutedLoop* here) {
  if (expects_no_error(stanza)) {
    counters(here).stanzas_dropped.add("mailbox-full");
    return;
  }
  bounce(stanza, xmpp::StanzaErrorCondition::resource_constraint, here);
}

void Router::bounce(const RoutedStanza& stanza, xmpp::StanzaErrorCondition condition,
                    RoutedLoop* here) {
  settle(stanza, CopyFate::bounced, here);
  auto parsed = xmpp::Stanza::parse(stanza.xml);
  if (!parsed || !parsed->may_be_answered_with_error()) return;
  counters(here).stanzas_bounced.add(xmpp::name(condition));
  answer(stanza, parsed->error_reply(condition), here);
}

void Router::answer(const RoutedStanza& stanza, const xmpp::Stanza& error, RoutedLoop* here) {
  const RoutedStanza reply = routed(error, stanza.to, stanza.from);
  if (const auto entry = directory_.find(reply.to)) {
    deliver(entry->address, reply, here);
    send_carbons(reply, {&entry->address, 1}, here);
  } else {
    counters(here).stanzas_dropped.add("no-recipient");
  }
}

void Router::settle(const RoutedStanza& stanza, CopyFate fate, RoutedLoop* here) {
  if (!stanza.ticket) return;
  if (here == nullptr) {
    here = &loop_at(0);
    return here->loop.post([this, stanza, fate, here] { settle(stanza, fate, here); });
  }
  if (fate == CopyFate::acked && here->settlement && stanza.ticket.node != replication::self_ref) {
    here->settlement->acked_for_another_node(stanza.id);
  }
  if (!node_.alive(stanza.ticket.node)) {
    if (fate == CopyFate::acked && here->settlement) here->settlement->forget(stanza);
    return;
  }
  here->reports->add(stanza.ticket, fate);
}

}  // namespace server
