#include "server/router/router.h"

#include <algorithm>
#include <utility>

#include "replication/node.h"
#include "xmpp/element_scanner.h"
#include "xmpp/stanza_error.h"

namespace server {
namespace {

// A stanza that found its session gone so often meets a storm of reconnects: its sender is told.
constexpr std::uint8_t reroutes_max = 3;

/// Whether nobody is told when it cannot be delivered (RFC 6121 §8.5.2.2).
bool expects_no_error(const RoutedStanza& stanza) {
  return stanza.kind == xmpp::Stanza::Kind::presence || stanza.is_error() ||
         stanza.type == "result" ||
         (stanza.kind == xmpp::Stanza::Kind::message && stanza.type == "headline");
}

/// What a stanza in a mailbox keeps: near enough for a bound.
std::size_t memory_of(const RoutedStanza& stanza) {
  return sizeof stanza + stanza.from.str().size() + stanza.to.str().size() + stanza.xml->size();
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

Recipient* LoopSessions::find(SessionId id) const {
  const auto slot = static_cast<std::uint32_t>(id);
  if (slot >= slots_.size() || slots_[slot].uses != id >> 32) return nullptr;
  return slots_[slot].session;
}

Router::Router(std::vector<std::string> domains, SessionDirectory& directory,
               replication::Node& node)
    : domains_(std::move(domains)), directory_(directory), node_(node) {}

bool Router::serves(std::string_view domain) const {
  return std::find(domains_.begin(), domains_.end(), domain) != domains_.end();
}

void Router::displace(const SessionAddress& address) {
  RoutedLoop& home = loop_at(address.loop);
  home.loop.post([&home, address] {
    if (Recipient* session = home.sessions.find(address.session)) session->displace();
  });
}

void Router::route(RoutedStanza stanza, RoutedLoop* here) {
  if (!serves(stanza.to.domain())) {
    // RFC 6120 §10.4: there is no way to other servers yet.
    return bounce(stanza, xmpp::StanzaErrorCondition::remote_server_not_found, here);
  }
  if (!stanza.to.has_local()) {
    return bounce(stanza, xmpp::StanzaErrorCondition::service_unavailable, here);
  }
  if (stanza.to.is_full()) return route_to_session(std::move(stanza), here);
  route_to_account(stanza, here);
}

void Router::route_to_session(RoutedStanza stanza, RoutedLoop* here) {
  if (const auto entry = directory_.find(stanza.to)) {
    return deliver(entry->address, std::move(stanza), here);
  }
  // RFC 6121 §8.5.3.2.1: a chat message for a resource that is gone goes to the account.
  if (stanza.kind == xmpp::Stanza::Kind::message && stanza.type == "chat") {
    return route_to_account(stanza, here);
  }
  no_recipient(stanza, here);
}

void Router::route_to_account(const RoutedStanza& stanza, RoutedLoop* here) {
  if (stanza.kind == xmpp::Stanza::Kind::iq) return no_recipient(stanza, here);
  std::vector<SessionDirectory::Entry> entries = directory_.find_all(stanza.to.bare_str());
  std::erase_if(entries, [](const auto& entry) { return !entry.record.is_available; });
  if (stanza.kind == xmpp::Stanza::Kind::presence) {
    // RFC 6121 §4.6.3, §8.5.2.1.2: to every available resource. Without one it is ignored.
    for (const auto& entry : entries) deliver(entry.address, stanza, here);
    return;
  }
  if (stanza.type == "groupchat" || stanza.is_error()) return no_recipient(stanza, here);
  // RFC 6121 §8.5.2.1.1: a negative priority takes no messages sent to the account.
  std::erase_if(entries, [](const auto& entry) { return entry.record.priority < 0; });
  if (entries.empty()) return no_recipient(stanza, here);
  if (stanza.type != "headline") {
    // … of the others, those that say they are the most available.
    const auto highest =
        std::max_element(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
          return a.record.priority < b.record.priority;
        })->record.priority;
    std::erase_if(entries, [&](const auto& entry) { return entry.record.priority != highest; });
  }
  for (const auto& entry : entries) deliver(entry.address, stanza, here);
}

void Router::no_recipient(const RoutedStanza& stanza, RoutedLoop* here) {
  counters(here).observe_route(RouteScope::offline, stanza.read_at);
  if (expects_no_error(stanza)) {
    counters(here).stanzas_dropped.add("no-recipient");
    return;
  }
  // RFC 6121 §8.5.2.2.1: without an offline store the sender is told. An account that does not
  // exist answers alike (hardening S11).
  bounce(stanza, xmpp::StanzaErrorCondition::service_unavailable, here);
}

void Router::deliver(const SessionAddress& address, RoutedStanza stanza, RoutedLoop* here) {
  if (address.node != replication::self_ref) {
    const auto sent = node_.send(address.node, encode(stanza, address.loop, address.session));
    if (!sent) return undeliverable(std::move(stanza), here);
    return counters(here).observe_route(RouteScope::remote, stanza.read_at);
  }
  if (here != nullptr && here->loop.index() == address.loop) {
    Recipient* session = here->sessions.find(address.session);
    if (session == nullptr || !session->deliver(stanza)) undeliverable(std::move(stanza), here);
    return;
  }
  RoutedLoop& home = loop_at(address.loop);
  auto shared = std::make_shared<RoutedStanza>(std::move(stanza));
  const bool taken = home.loop.offer(
      [this, &home, address, shared] {
        Recipient* session = home.sessions.find(address.session);
        if (session == nullptr || !session->deliver(*shared)) undeliverable(*shared, &home);
      },
      memory_of(*shared));
  if (!taken) mailbox_full(*shared, here);
}

void Router::undeliverable(RoutedStanza stanza, RoutedLoop* here) {
  if (++stanza.reroutes > reroutes_max) {
    return bounce(stanza, xmpp::StanzaErrorCondition::recipient_unavailable, here);
  }
  // Through a mailbox: the caller may be in the middle of ending the session that refused.
  RoutedLoop& next = here != nullptr ? *here : loop_at(0);
  auto shared = std::make_shared<RoutedStanza>(std::move(stanza));
  const bool taken =
      next.loop.offer([this, &next, shared] { route(*shared, &next); }, memory_of(*shared));
  if (!taken) mailbox_full(*shared, here);
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
  auto parsed = xmpp::Stanza::parse(*stanza.xml);
  if (!parsed || !parsed->may_be_answered_with_error()) return;
  counters(here).stanzas_bounced.add(xmpp::name(condition));
  xmpp::Stanza reply = parsed->error_reply(condition);
  RoutedStanza answer = routed(reply, stanza.to, stanza.from);
  if (const auto entry = directory_.find(answer.to)) {
    deliver(entry->address, std::move(answer), here);
  } else {
    counters(here).stanzas_dropped.add("no-recipient");
  }
}

void Router::on_arrival(std::string_view payload) {
  auto arrival = decode_arrival(payload);
  // Hardening K6: what a peer sends is held to the rules of a client's stream.
  if (!arrival ||
      !xmpp::check_element(*arrival->stanza.xml, xmpp::StreamLimits::server()).is_valid) {
    link_counters_.stanzas_dropped.add("invalid-from-peer");
    return;
  }
  deliver({replication::self_ref, arrival->loop, arrival->session}, std::move(arrival->stanza),
          nullptr);
}

void Router::on_undelivered(std::string_view payload) {
  auto arrival = decode_arrival(payload);
  if (arrival) undeliverable(std::move(arrival->stanza), nullptr);
}

}  // namespace server
