#include "server/presence/session_presence.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "xmpp/namespaces.h"
#include "xmpp/stanza_error.h"

namespace server {
namespace {

// RFC 6121 §4.6.4 has the server remember whom presence was sent to directly; this bounds it.
constexpr std::size_t directed_max = 1000;

std::int8_t priority_of(const xmpp::Stanza& presence) {
  const xmpp::Element element = presence.root().child("priority", xmpp::ns::client);
  if (!element) return 0;
  const std::string text = element.text();
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return static_cast<std::int8_t>(std::clamp(value, -128, 127));  // RFC 6121 §4.7.2.3
}

RoutedStanza sent(const PresenceOwner& owner, const xmpp::Stanza& stanza, xmpp::Jid to) {
  RoutedStanza presence = routed(stanza, owner.jid, std::move(to));
  presence.read_at = owner.home.counters.read_at;
  return presence;
}

void broadcast_to_own(const PresenceOwner& owner, const RoutedStanza& presence) {
  for (const auto& entry : owner.directory.find_all(owner.jid.bare_str())) {
    if (entry.record.is_available) owner.router.deliver(entry.address, presence, &owner.home);
  }
}

}  // namespace

std::optional<xmpp::StanzaErrorCondition> SessionPresence::on_sent(const PresenceOwner& owner,
                                                                   const xmpp::Stanza& stanza,
                                                                   bool has_to, xmpp::Jid to) {
  const std::string_view type = stanza.type();
  if (type != "" && type != "unavailable" && type != "error" && type != "probe" &&
      type != "subscribe" && type != "subscribed" && type != "unsubscribe" &&
      type != "unsubscribed") {
    return xmpp::StanzaErrorCondition::bad_request;  // RFC 6121 §4.7.1
  }
  if (!has_to) {
    if (type.empty()) {
      become_available(owner, stanza);
    } else if (type == "unavailable") {
      become_unavailable(owner, stanza);
    } else {
      return xmpp::StanzaErrorCondition::bad_request;
    }
    return std::nullopt;
  }
  if (type == "probe") return std::nullopt;  // RFC 6121 §4.3: probes are the servers' to send.
  if (type != "" && type != "unavailable" && type != "error") {
    // Subscriptions need a roster, which is not there yet: said rather than swallowed.
    return xmpp::StanzaErrorCondition::service_unavailable;
  }
  // RFC 6121 §4.6: directed presence; those who saw it are told when we leave.
  const auto known = std::find(directed_.begin(), directed_.end(), to);
  if (type.empty() && known == directed_.end()) {
    if (directed_.size() >= directed_max) return xmpp::StanzaErrorCondition::resource_constraint;
    directed_.push_back(to);
  } else if (type == "unavailable" && known != directed_.end()) {
    directed_.erase(known);
  }
  owner.router.route(sent(owner, stanza, std::move(to)), &owner.home);
  return std::nullopt;
}

void SessionPresence::become_available(const PresenceOwner& owner, const xmpp::Stanza& stanza) {
  const bool is_initial = !owner.record.is_available;
  owner.record.is_available = true;
  owner.record.priority = priority_of(stanza);
  owner.directory.update(owner.jid, owner.record);
  const RoutedStanza presence = sent(owner, stanza, owner.jid.bare());
  last_ = presence.xml;
  broadcast_to_own(owner, presence);
  if (!is_initial) return;
  // RFC 6121 §4.2.2: the account's other resources tell us theirs.
  RoutedStanza probe;
  probe.kind = xmpp::Stanza::Kind::presence;
  probe.type = "probe";
  probe.from = owner.jid;
  probe.to = owner.jid.bare();
  probe.xml = std::make_shared<const std::string>("<presence type='probe' from='" +
                                                  xmpp::escape_attr(owner.jid.str()) + "'/>");
  for (const auto& entry : owner.directory.find_all(owner.jid.bare_str())) {
    if (entry.record.session == owner.record.session && entry.record.loop == owner.record.loop &&
        entry.address.node == replication::self_ref) {
      continue;
    }
    if (entry.record.is_available) owner.router.deliver(entry.address, probe, &owner.home);
  }
}

void SessionPresence::become_unavailable(const PresenceOwner& owner, const xmpp::Stanza& stanza) {
  const RoutedStanza presence = routed(stanza, owner.jid, owner.jid.bare());
  if (std::exchange(owner.record.is_available, false)) {
    broadcast_to_own(owner, presence);
    last_.reset();
    owner.record.priority = 0;
    owner.directory.update(owner.jid, owner.record);
  }
  // RFC 6121 §4.6.4
  for (xmpp::Jid& to : std::exchange(directed_, {})) {
    RoutedStanza directed = presence;
    directed.to = std::move(to);
    owner.router.route(std::move(directed), &owner.home);
  }
}

void SessionPresence::on_probe(const PresenceOwner& owner, const RoutedStanza& probe) const {
  // Only the account's own resources may ask; the server writes `from`, so it can be trusted.
  if (!last_ || probe.from.bare_str() != owner.jid.bare_str()) return;
  RoutedStanza presence;
  presence.kind = xmpp::Stanza::Kind::presence;
  presence.from = owner.jid;
  presence.to = probe.from;
  presence.xml = last_;
  owner.router.route(std::move(presence), &owner.home);
}

void SessionPresence::leave(const PresenceOwner& owner) {
  if (!owner.record.is_available && directed_.empty()) return;
  xmpp::Stanza unavailable = xmpp::Stanza::make(xmpp::Stanza::Kind::presence, "unavailable");
  unavailable.set_from(owner.jid.str());
  become_unavailable(owner, unavailable);
}

}  // namespace server
