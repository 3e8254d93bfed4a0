#include "server/presence/session_presence.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <charconv>
#include <chrono>
#include <exception>
#include <utility>

#include "server/log/log.h"
#include "server/presence/photo_hash.h"
#include "server/roster/roster_xml.h"
#include "server/router/blocked_reply.h"
#include "xmpp/namespaces.h"
#include "xmpp/stanza_error.h"

namespace server {
namespace {

// RFC 6121 §4.6.4 has the server remember whom presence was sent to directly; this bounds it.
constexpr std::size_t directed_max = 1000;

// A client sends one, or some dozens when a person imports contacts; each takes two transactions.
constexpr std::size_t requests_max = 200;

constexpr std::size_t presence_bytes_max = 8192;  // Hardening, limits: presence.

// A roster that cannot be read, since the database is away, is tried again: at first soon.
constexpr auto retry_min = std::chrono::milliseconds(500);
constexpr auto retry_max = std::chrono::seconds(15);

std::int8_t priority_of(const xmpp::Stanza& presence) {
  const xmpp::Element element = presence.root().child("priority", xmpp::ns::client);
  if (!element) return 0;
  const std::string text = element.text();
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return static_cast<std::int8_t>(std::clamp(value, -128, 127));  // RFC 6121 §4.7.2.3
}

std::string presence_xml(std::string_view type, std::string_view from) {
  return "<presence type='" + std::string(type) + "' from='" + xmpp::escape_attr(from) + "'/>";
}

bool is_known(std::string_view type) {
  return type.empty() || type == "unavailable" || type == "error" || type == "probe" ||
         subscription_request(type).has_value();
}

}  // namespace

SessionPresence::SessionPresence(RoutedLoop& home, PresenceServices services, const xmpp::Jid& jid,
                                 SessionRecord& record)
    : home_(home),
      services_(services),
      jid_(jid),
      record_(record),
      // What is shared from now on comes by on_block_list().
      state_{.blocked = services_.router.blocks().hold(std::string(jid.bare_str()))} {}

void SessionPresence::on_sent(const xmpp::Stanza& stanza, bool has_to, const xmpp::Jid& to) {
  const std::string_view type = stanza.type();
  RoutedStanza sent = routed(stanza, jid_, to);
  sent.read_at = home_.counters.read_at;
  // RFC 6121 §4.7.1: other types are none.
  if (!is_known(type)) return refuse(std::move(sent), xmpp::StanzaErrorCondition::bad_request);
  if (sent.xml.size() > presence_bytes_max) {
    return refuse(std::move(sent), xmpp::StanzaErrorCondition::policy_violation);
  }
  if (type.empty()) sent.xml = with_photo_hash(sent.xml, photo_);
  if (has_to) {
    if (type == "probe") return;  // RFC 6121 §4.3: probes are the servers' to send.
    if (const auto kind = subscription_request(type))
      return queue_request(*kind, std::move(sent), stanza);
    return send_directed(std::move(sent));
  }
  if (type.empty()) return become_available(sent, priority_of(stanza));
  if (type == "unavailable") return become_unavailable(sent);
  refuse(std::move(sent), xmpp::StanzaErrorCondition::bad_request);
}

void SessionPresence::send_directed(RoutedStanza presence) {
  // RFC 6121 §4.6.3: those who are told of every change anyway need not be remembered.
  const bool is_told =
      state_.contacts && !state_.last.empty() && state_.contacts->find(presence.to.bare_str()).from;
  const auto known = std::find(state_.directed.begin(), state_.directed.end(), presence.to);
  if (presence.type.empty() && known == state_.directed.end() && !is_told &&
      !is_blocked(presence.to)) {
    if (state_.directed.size() >= directed_max) {
      return refuse(std::move(presence), xmpp::StanzaErrorCondition::resource_constraint);
    }
    state_.directed.push_back(presence.to);
  } else if (presence.type == "unavailable" && known != state_.directed.end()) {
    state_.directed.erase(known);
  }
  services_.router.route(presence, &home_);
}

void SessionPresence::become_available(const RoutedStanza& presence, std::int8_t priority) {
  const bool is_initial = !record_.is_available;
  record_.is_available = true;
  record_.priority = priority;
  services_.directory.update(jid_, record_);
  state_.last = presence.xml;
  tell(jid_.bare_str(), presence);
  if (!is_initial) return broadcast(presence);
  // RFC 6121 §4.2.2: the account's other resources tell us theirs.
  probe(jid_.bare_str());
  spawn(meet_contacts(jid_.bare(), ++round_));
}

void SessionPresence::become_unavailable(const RoutedStanza& presence) {
  if (std::exchange(record_.is_available, false)) {
    tell(jid_.bare_str(), presence);
    broadcast(presence);
    state_.last = {};
    record_.priority = 0;
    services_.directory.update(jid_, record_);
    note_last_activity(presence);
  }
  // RFC 6121 §4.6.4
  for (xmpp::Jid& to : std::exchange(state_.directed, {})) {
    RoutedStanza directed = presence;
    directed.to = std::move(to);
    services_.router.route(directed, &home_);
  }
}

// XEP-0012: the account has gone with the last of its sessions.
void SessionPresence::note_last_activity(const RoutedStanza& presence) {
  const auto others = services_.directory.find_all(jid_.bare_str());
  if (std::ranges::any_of(others, [](const auto& other) { return other.record.is_available; })) {
    return;
  }
  services_.last_activities.note(jid_.bare(), presence.xml, home_);
}

asio::awaitable<std::optional<Roster>> SessionPresence::read_roster(xmpp::Jid account,
                                                                    std::uint64_t round) {
  std::chrono::milliseconds wait = retry_min;
  for (;;) {
    auto roster = co_await services_.rosters.load(account);
    if (has_left_ || round != round_ || state_.last.empty()) co_return std::nullopt;
    // What was pushed meanwhile is not in what was read before: then once more.
    if (roster && roster->version() >= state_.version) co_return *std::move(roster);
    if (!roster && roster.error() == StorageErrc::stopped) co_return std::nullopt;
    co_await home_.loop.delay(wait);
    if (has_left_ || round != round_) co_return std::nullopt;
    wait = std::min<std::chrono::milliseconds>(2 * wait, retry_max);
  }
}

// RFC 6121 §4.2.2: initial presence goes to those who see us, and asks for that of those we see.
asio::awaitable<void> SessionPresence::meet_contacts(xmpp::Jid account, std::uint64_t round) {
  co_await photo_read(account);
  const auto roster = co_await read_roster(std::move(account), round);
  if (!roster) co_return;
  adopt(*roster);
  state_.contacts->for_each([this](const ContactList::Contact& contact) {
    if (contact.to) probe(contact.jid);
  });
  // RFC 6121 §3.1.3: requests that nobody has answered come again.
  for (const RosterItem& item : roster->items()) {
    if (item.subscription.from != Half::pending) continue;
    const auto from = xmpp::Jid::parse(item.contact);
    if (!from) continue;
    const std::string xml =
        item.request.empty() ? presence_xml("subscribe", item.contact) : item.request;
    RoutedStanza request = own("subscribe", xml);
    request.from = *from;
    tell_client(std::move(request));
  }
}

asio::awaitable<void> SessionPresence::read_contacts_again(xmpp::Jid account, std::uint64_t round) {
  const auto roster = co_await read_roster(std::move(account), round);
  if (roster) adopt(*roster);
}

void SessionPresence::adopt(const Roster& roster) {
  ContactList fresh(roster);
  if (state_.contacts) {
    state_.contacts->for_each([&](const ContactList::Contact& contact) {
      if (contact.from && !fresh.find(contact.jid).from) tell(contact.jid, unavailable());
    });
  }
  state_.contacts = std::move(fresh);
  state_.version = roster.version();
  broadcast(own("", state_.last));
}

void SessionPresence::on_push(xmpp::Element query) {
  const auto item = pushed_item(query);
  if (!item) return;
  const std::string_view ver = query.attr("ver");
  std::uint64_t version = 0;
  std::from_chars(ver.data(), ver.data() + ver.size(), version);
  const bool is_next = state_.version == 0 || version == state_.version + 1;
  if (!state_.contacts || !is_next) {
    // Pushes of two nodes may pass each other, or one be lost: what is stored is right.
    state_.version = std::max(state_.version, version);
    if (state_.contacts && !state_.last.empty()) spawn(read_contacts_again(jid_.bare(), round_));
    return;
  }
  state_.version = version;
  const bool was_seen = state_.contacts->find(item->contact).from;
  state_.contacts->set({item->contact, item->to, item->from});
  if (state_.last.empty() || was_seen == item->from) return;
  // RFC 6121 §3.1.5, §3.2.2, §3.3.3
  tell(item->contact, item->from ? own("", state_.last) : unavailable());
}

void SessionPresence::on_block_list() {
  const auto before =
      std::exchange(state_.blocked, services_.router.blocks().hold(std::string(jid_.bare_str())));
  if (state_.blocked == before) return;
  hide_directed();
  if (state_.last.empty() || !state_.contacts) return;
  state_.contacts->for_each([&](const ContactList::Contact& contact) {
    if (contact.from) show_or_hide(contact.jid, before);
    const auto jid = xmpp::Jid::parse(contact.jid);
    if (contact.to && jid && before && before->blocks(*jid) && !is_blocked(*jid)) {
      probe(contact.jid);
    }
  });
}

// A contact that sees us: those of its sessions for which it makes a difference.
void SessionPresence::show_or_hide(std::string_view account, const BlockTable::Hold& before) {
  const auto bare = xmpp::Jid::parse(account);
  if (!bare) return;
  for (const auto& session : services_.directory.resources(account)) {
    const auto full = bare->with_resource(session.name);
    if (!session.record.is_available || !full) continue;
    const bool was_blocked = before && before->blocks(*full);
    if (was_blocked == is_blocked(*full)) continue;
    RoutedStanza presence = was_blocked ? own("", state_.last) : unavailable();
    presence.to = *full;
    // Past the barrier, which stands already.
    services_.router.deliver(session.address, presence, &home_);
  }
}

void SessionPresence::hide_directed() {
  std::erase_if(state_.directed, [this](const xmpp::Jid& jid) {
    if (!is_blocked(jid)) return false;
    const RoutedStanza presence = unavailable();
    for (const auto& session : services_.directory.resources(jid.bare_str())) {
      if (jid.is_full() && session.name != jid.resource()) continue;
      services_.router.deliver(session.address, presence, &home_);
    }
    return true;
  });
}

void SessionPresence::on_probe(const RoutedStanza& probe) const {
  // The server writes `from`, so it can be trusted. RFC 6121 §4.3.2: who may not see us gets no
  // answer, as if we were not here.
  if (state_.last.empty()) return;
  const std::string_view asker = probe.from.bare_str();
  if (is_blocked(probe.from)) return;
  if (asker != jid_.bare_str() && !(state_.contacts && state_.contacts->find(asker).from)) return;
  RoutedStanza presence = own("", state_.last);
  presence.to = probe.from;
  services_.router.route(presence, &home_);
}

void SessionPresence::on_gone(const GoneSessions& gone) {
  if (state_.last.empty()) return;
  const auto tell_of = [&](std::string_view account) {
    const auto found = gone.find(account);
    if (found == gone.end()) return;
    for (const xmpp::Jid& session : found->second) {
      RoutedStanza presence = own("unavailable", presence_xml("unavailable", session.str()));
      presence.from = session;
      tell_client(std::move(presence));
    }
  };
  tell_of(jid_.bare_str());
  if (!state_.contacts) return;
  state_.contacts->for_each([&](const ContactList::Contact& contact) {
    if (contact.to) tell_of(contact.jid);
  });
}

void SessionPresence::on_node_back(replication::NodeRef node) {
  if (state_.last.empty()) return;
  probe(jid_.bare_str(), node);
  if (!state_.contacts) return;
  state_.contacts->for_each([&](const ContactList::Contact& contact) {
    if (contact.to) probe(contact.jid, node);
  });
}

void SessionPresence::resume(PresenceState state) {
  state.blocked = std::move(state_.blocked);
  state_ = std::move(state);
  // The former one was still reading them.
  if (state_.last.empty()) return;
  if (!state_.contacts) return spawn(meet_contacts(jid_.bare(), ++round_));
  spawn(photo_read(jid_.bare()));
}

PresenceState SessionPresence::hand_over() {
  has_left_ = true;
  return std::exchange(state_, {});
}

void SessionPresence::leave() {
  if (record_.is_available || !state_.directed.empty()) become_unavailable(unavailable());
  has_left_ = true;
  state_.blocked = nullptr;
}

void SessionPresence::queue_request(SubscriptionRequest kind, RoutedStanza sent,
                                    const xmpp::Stanza& stanza) {
  const xmpp::Jid contact = sent.to.bare();
  if (!services_.router.serves(contact.domain())) {
    return refuse(std::move(sent), xmpp::StanzaErrorCondition::remote_server_not_found);
  }
  if (!contact.has_local()) {
    return refuse(std::move(sent), xmpp::StanzaErrorCondition::service_unavailable);
  }
  if (contact.str() == jid_.bare_str()) {
    return refuse(std::move(sent), xmpp::StanzaErrorCondition::not_allowed);
  }
  if (is_blocked(contact)) {
    return tell_client(routed(blocked_reply(stanza), jid_, jid_));  // XEP-0191 §3.3
  }
  if (requests_.size() >= requests_max) {
    return refuse(std::move(sent), xmpp::StanzaErrorCondition::resource_constraint);
  }
  // RFC 6121 §3.1.2: between accounts, not between sessions.
  xmpp::Stanza forwarded = stanza.copy();
  forwarded.set_from(jid_.bare_str());
  forwarded.set_to(contact.str());
  requests_.push_back({kind, std::move(sent), forwarded.to_string()});
  if (requests_.size() == 1)
    spawn(carry_out_requests(jid_.bare()), &SessionPresence::drop_requests);
}

// One after the other, as RFC 6120 §10.1 wants; also when the session is gone meanwhile.
asio::awaitable<void> SessionPresence::carry_out_requests(xmpp::Jid account) {
  while (!requests_.empty()) {
    Request& next = requests_.front();
    const auto refusal = co_await services_.rosters.request(
        account, next.as_sent.to.bare(), next.kind, std::move(next.as_forwarded), home_);
    if (refusal) refuse(std::move(next.as_sent), *refusal);
    requests_.pop_front();
  }
}

void SessionPresence::spawn(asio::awaitable<void> work, void (SessionPresence::*give_up)()) {
  asio::co_spawn(home_.loop.executor(), std::move(work),
                 [self = shared_from_this(), give_up](std::exception_ptr failed) {
                   if (!failed) return;
                   log::failed_unexpectedly("presence", failed);
                   if (give_up != nullptr) ((*self).*give_up)();
                 });
}

void SessionPresence::drop_requests() { requests_.clear(); }

void SessionPresence::broadcast(const RoutedStanza& presence) {
  if (!state_.contacts) return;
  state_.contacts->for_each([&](const ContactList::Contact& contact) {
    if (contact.from) tell(contact.jid, presence);
  });
}

// One text for all who get it: it names no `to`, which is then its receiver (RFC 6120 §8.1.1.2).
void SessionPresence::tell(std::string_view account, const RoutedStanza& presence) {
  services_.router.tell(account, presence, &home_);
}

void SessionPresence::tell_client(RoutedStanza presence) {
  if (is_blocked(presence.from)) return;
  if (Recipient* session = home_.sessions.find(record_.session)) session->deliver(presence);
}

void SessionPresence::probe(std::string_view account, std::optional<replication::NodeRef> only_on) {
  const SessionAddress self{replication::self_ref, record_.loop, record_.session};
  services_.router.tell(account, own("probe", presence_xml("probe", jid_.str())), &home_,
                        [&](const SessionAddress& address) {
                          return address != self && (!only_on || address.node == *only_on);
                        });
}

void SessionPresence::refuse(RoutedStanza stanza, xmpp::StanzaErrorCondition condition) {
  services_.router.bounce(stanza, condition, &home_);
}

RoutedStanza SessionPresence::own(std::string_view type, xmpp::SharedText xml) const {
  RoutedStanza presence;
  presence.kind = xmpp::Stanza::Kind::presence;
  presence.type = type;
  presence.from = jid_;
  presence.to = jid_.bare();
  presence.xml = std::move(xml);
  return presence;
}

RoutedStanza SessionPresence::unavailable() const {
  return own("unavailable", presence_xml("unavailable", jid_.str()));
}

}  // namespace server
