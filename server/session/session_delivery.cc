// What comes to a session, and how it moves with what it has.

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "server/log/log.h"
#include "server/pep/avatar.h"
#include "server/roster/accounts.h"
#include "server/router/stored_message.h"
#include "server/session/session.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

// Messages that wait behind those from the store, or all that wait behind what comes from a former
// place: both come in a moment, and more are not held.
constexpr std::size_t held_max = 500;

}  // namespace

bool Session::deliver(const RoutedStanza& stanza) {
  if (has_left_) return false;
  if (!arrival_) return take(stanza);
  if (arrival_->held.size() >= held_max) return false;
  arrival_->held.push_back(stanza);
  return true;
}

// Whether the client has been sent a message that comes once more: what a node had stored that
// died, or what was routed anew while the copy was on its way here from that node. Once is enough.
bool Session::has_had(const RoutedStanza& stanza) {
  if (!acks_ || !stanza.id || (!stanza.is_restored && stanza.reroutes == 0)) return false;
  const bool is_held = acks_->holds(stanza.id);
  if (!is_held && !(home_.settlement && home_.settlement->was_acked(stanza.id))) return false;
  // The copy that is held answers for one that was routed anew: both are of one ticket.
  if (stanza.is_restored || !is_held) {
    services_.router.settle(stanza, CopyFate::acked, &home_);
  }
  return true;
}

bool Session::take(const RoutedStanza& stanza) {
  if (stanza.kind == xmpp::Stanza::Kind::presence && stanza.type == "probe") {
    presence_->on_probe(stanza);
    return true;
  }
  if (stanza.kind == xmpp::Stanza::Kind::iq && stanza.type == "set" &&
      stanza.from.str() == jid_.bare_str() && !take_push(stanza)) {
    return true;
  }
  // Only the server writes from an account: what comes so as a headline is from its PEP, or a
  // carbon.
  if (stanza.kind == xmpp::Stanza::Kind::message && stanza.type == "headline" &&
      stanza.from.is_bare() && stanza.from.has_local() && !wants_headline(stanza)) {
    return true;
  }
  if (mail_ && !stanza.is_restored && may_be_stored(stanza) && mail_->held.size() < held_max) {
    mail_->held.push_back(stanza);
    return true;
  }
  if (has_had(stanza)) return true;
  write(stanza);
  return true;
}

// Notes what the client wants to hear of, or returns what it has to be asked to know that.
std::optional<RoutedStanza> Session::caps_question(const xmpp::Stanza& presence) {
  if (!filter_ && presence.root().child("c", xmpp::ns::caps)) {
    filter_ = std::make_unique<NotifyFilter>(services_.caps);
  }
  const auto question = filter_ ? filter_->on_presence(presence) : std::nullopt;
  if (!question) return std::nullopt;
  const auto domain = xmpp::Jid::make({}, jid_.domain());
  const auto stanza = xmpp::Stanza::parse(*question);
  if (!domain || !stanza) return std::nullopt;
  return routed(*stanza, *domain, jid_);
}

void Session::on_caps(const xmpp::Stanza& presence, bool is_initial) {
  if (const auto question = caps_question(presence)) return write(*question);
  if (filter_ && (is_initial || filter_->has_changed())) send_last_items();
}

bool Session::wants_headline(const RoutedStanza& message) {
  if (message.from.str() == jid_.bare_str()) note_avatar(message);
  const bool wants_events = filter_ && filter_->wants_anything();
  if (!wants_events && !interests_.carbons) return false;
  const auto parsed = xmpp::Stanza::parse(message.xml);
  if (!parsed) return false;
  const xmpp::Element event = parsed->root().child("event", xmpp::ns::pubsub_event);
  if (!event) return interests_.carbons;
  return wants_events && filter_->wants(event.first_child().attr("node"));
}

// News of the account's own avatar: what others see of it stands in the session's presence.
void Session::note_avatar(const RoutedStanza& message) {
  if (message.xml.view().find(avatar_metadata) == std::string_view::npos) return;
  const auto parsed = xmpp::Stanza::parse(message.xml);
  if (!parsed) return;
  const xmpp::Element items =
      parsed->root().child("event", xmpp::ns::pubsub_event).child("items", xmpp::ns::pubsub_event);
  if (items.attr("node") != avatar_metadata || !presence_) return;
  const xmpp::Element metadata =
      items.child("item", xmpp::ns::pubsub_event).child("metadata", avatar_metadata);
  presence_->on_avatar(std::string(avatar_info(metadata).attr("id")));
}

// XEP-0163 §4.3: what was published while nobody was here.
void Session::send_last_items() {
  if (!filter_->wants_anything()) return;
  Pep::Deliver deliver = [home = &home_, session = record_.session](const RoutedStanza& item) {
    Recipient* recipient = home->sessions.find(session);
    return recipient != nullptr && recipient->deliver(item);
  };
  asio::co_spawn(home_.loop.executor(), services_.pep.last_items(jid_, std::move(deliver)),
                 [](std::exception_ptr failed) {
                   if (failed) log::failed_unexpectedly("pep", failed);
                 });
}

// What only the server can send, as clients send from full JIDs: news of the account, for those of
// its clients that asked for such.
bool Session::take_push(const RoutedStanza& push) {
  const auto parsed = xmpp::Stanza::parse(push.xml);
  if (!parsed) return false;
  const xmpp::Element payload = parsed->root().first_child();
  if (payload.ns() == xmpp::ns::blocking) return interests_.blocking;
  const SessionNews news = session_news(payload, jid_.resource());
  if (news == SessionNews::ends) {
    output_->close(xmpp::StreamErrorCondition::not_authorized, "the password is another now");
  }
  if (news != SessionNews::none) return false;
  presence_->on_push(payload);
  return interests_.roster;
}

void Session::write(const RoutedStanza& stanza) {
  if (held_back_) {
    if (held_back_->hold(stanza)) {
      // It is of use now or never, so that nobody need wait for it.
      return services_.router.settle(stanza, CopyFate::acked, &home_);
    }
    write_held_back();
  }
  write_now(stanza);
}

void Session::write_held_back() {
  for (RoutedStanza& stanza : held_back_->take()) {
    stanza.ticket = {};
    write_now(stanza);
  }
}

bool Session::on_client_state(const xmpp::Element& element) {
  if (element.is("inactive", xmpp::ns::client_state)) {
    if (!held_back_) held_back_ = std::make_unique<HeldBack>();
  } else if (element.is("active", xmpp::ns::client_state)) {
    if (held_back_) write_held_back();
    held_back_ = nullptr;
  } else {
    return false;
  }
  return true;
}

void Session::write_now(const RoutedStanza& stanza) {
  if (!acks_) {
    if (!output_->write(stanza.xml)) return services_.router.undeliverable(stanza, &home_);
    services_.router.settle(stanza, CopyFate::acked, &home_);  // More is not to be known.
  } else if (!acks_->send(stanza)) {
    // Hardening E3: a client that never acknowledges is bounded in stanzas and bytes. Those that
    // are kept are routed anew when the session ends; this one already now.
    output_->close(xmpp::StreamErrorCondition::policy_violation, "too many unacknowledged stanzas");
    return services_.router.undeliverable(stanza, &home_);
  }
  count_sent(stanza);
}

void Session::count_sent(const RoutedStanza& stanza) {
  home_.counters.stanzas_sent.add(counted(stanza.kind));
  home_.counters.observe_route(RouteScope::local, stanza.read_at);
}

void Session::on_mail() {
  if (!home_.settlement || !takes_mail()) return;
  if (arrival_) {
    arrival_->has_mail = true;
    return;
  }
  if (mail_) {
    mail_->has_more = true;
    return;
  }
  mail_ = std::make_unique<MailPickUp>();
  home_.settlement->pick_up(jid_.bare(), record_.session);
}

void Session::on_mail_delivered() {
  if (std::exchange(mail_->has_more, false)) {  // It is older than what is held, too.
    return home_.settlement->pick_up(jid_.bare(), record_.session);
  }
  const std::unique_ptr<MailPickUp> mail = std::exchange(mail_, nullptr);
  for (const RoutedStanza& stanza : mail->held) write(stanza);
}

void Session::set_output(StreamOutput& output, bool is_detached) {
  output_ = &output;
  acks_->set_output(output);
  if (record_.is_detached == is_detached) return;
  record_.is_detached = is_detached;
  services_.directory.update(jid_, record_);
}

SessionState Session::hand_over(std::vector<RoutedStanza>& copies) {
  // XEP-0352: the client of a resumed stream is active until it says otherwise.
  if (held_back_) write_held_back();
  has_left_ = true;
  copies = acks_->take_unacked();
  if (const auto mail = std::exchange(mail_, nullptr)) {
    copies.insert(copies.end(), mail->held.begin(), mail->held.end());
  }
  return {.jid = jid_,
          .token = *token_,
          .record = record_,
          .handled = acks_->handled(),
          .acked = acks_->acked(),
          .interests = interests_,
          .presence = presence_->hand_over()};
}

void Session::arrived(bool has_mail) {
  const std::unique_ptr<Arrival> arrival = std::exchange(arrival_, nullptr);
  if (has_mail || arrival->has_mail) on_mail();  // It is older than what waited here.
  for (const RoutedStanza& stanza : arrival->held) {
    if (!deliver(stanza)) services_.router.undeliverable(stanza, &home_);
  }
  if (arrival->question) write(*arrival->question);
}

}  // namespace server
