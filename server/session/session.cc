#include "server/session/session.h"

#include <boost/asio/co_spawn.hpp>
#include <charconv>
#include <exception>
#include <utility>

#include "server/log/log.h"
#include "server/router/carbons.h"
#include "server/router/stored_message.h"
#include "server/session/iq_handlers.h"
#include "xmpp/namespaces.h"
#include "xmpp/stanza_error.h"

namespace server {
namespace {

// Messages that wait behind those from the store, which come in a moment; more are not held.
constexpr std::size_t held_max = 500;

std::uint64_t microseconds_now() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

bool is_server_only(std::string_view ns) {
  // Pushes that clients trust because only their server may send them (hardening S3).
  return ns == "jabber:iq:roster" || ns == "urn:xmpp:blocking" || ns == "jabber:iq:privacy";
}

StanzaKind counted(xmpp::Stanza::Kind kind) {
  switch (kind) {
    case xmpp::Stanza::Kind::presence:
      return StanzaKind::presence;
    case xmpp::Stanza::Kind::iq:
      return StanzaKind::iq;
    default:
      return StanzaKind::message;
  }
}

}  // namespace

Session::Session(RoutedLoop& home, SessionServices services, StreamOutput& output, xmpp::Jid jid)
    : home_(home), services_(services), output_(output), jid_(std::move(jid)) {
  record_.bound_at = microseconds_now();
  record_.loop = static_cast<std::uint16_t>(home_.loop.index());
  record_.session = home_.sessions.add(this);
  services_.directory.bind(jid_, record_);
  presence_ = std::make_shared<SessionPresence>(
      home_, PresenceServices{services_.directory, services_.router, services_.rosters}, jid_,
      record_);
}

Session::~Session() {
  leave();
  release_unacked();
}

std::size_t Session::unacked() const { return acks_ ? acks_->unacked() : 0; }

// RFC 6120 §8.1.2.1, hardening S1: `from` is ours to write.
bool Session::is_own(std::string_view from) const {
  if (from.empty() || from == jid_.str()) return true;
  const auto claimed = xmpp::Jid::parse(from);
  return claimed && (*claimed == jid_ || claimed->str() == jid_.bare_str());
}

void Session::on_message(std::string_view bytes, const xmpp::StanzaHead& head) {
  if (acks_) acks_->on_handled();
  home_.counters.stanzas_received.add(StanzaKind::message);
  if (!is_own(head.from)) return output_.close(xmpp::StreamErrorCondition::invalid_from);
  if (may_mention_carbons(bytes)) {
    // `<private/>`, or a forgery: with a tree they are told apart.
    auto stanza = xmpp::Stanza::parse(bytes);  // What the parser let pass is whole.
    return on_checked(*std::move(stanza));
  }
  RoutedStanza sent;
  // RFC 6121 §8.1.1: without `to` it is for the sender's own account.
  if (head.to.empty()) {
    sent.to = jid_.bare();
  } else if (auto to = xmpp::Jid::parse(head.to)) {
    sent.to = *std::move(to);
  } else {
    auto stanza = xmpp::Stanza::parse(bytes);  // What the parser let pass is whole.
    stanza->set_from(jid_.str());
    return reply_error(*stanza, xmpp::StanzaErrorCondition::jid_malformed);
  }
  sent.type = head.type;
  sent.from = jid_;
  sent.xml = xmpp::forwarded(bytes, head, jid_.str(), sent.to.str());
  sent.read_at = home_.counters.read_at;
  send_on(std::move(sent));
}

// The client's message is its own until it has an id, and from then on the node's.
void Session::send_on(RoutedStanza message) {
  if (may_be_stored(message)) {
    message.id = home_.ids.next();
    if (acks_ && home_.settlement) {
      home_.settlement->begin(message, record_.session);
      acks_->wait_for(message.ticket.number);
    }
  }
  services_.router.route(message, &home_);
}

void Session::on_stanza(xmpp::Stanza stanza) {
  if (acks_) acks_->on_handled();
  home_.counters.stanzas_received.add(counted(stanza.kind()));
  if (!is_own(stanza.from())) return output_.close(xmpp::StreamErrorCondition::invalid_from);
  on_checked(std::move(stanza));
}

void Session::on_checked(xmpp::Stanza stanza) {
  stanza.set_from(jid_.str());

  const bool has_to = !stanza.to().empty();
  xmpp::Jid to = jid_.bare();
  if (has_to) {
    auto parsed = xmpp::Jid::parse(stanza.to());
    if (!parsed) return reply_error(stanza, xmpp::StanzaErrorCondition::jid_malformed);
    to = *std::move(parsed);
    stanza.set_to(to.str());
  }
  switch (stanza.kind()) {
    case xmpp::Stanza::Kind::message:
      return on_message(std::move(stanza), std::move(to));
    case xmpp::Stanza::Kind::presence:
      return on_presence(stanza, has_to, to);
    case xmpp::Stanza::Kind::iq:
      return on_iq(std::move(stanza), has_to, std::move(to));
    default:
      return output_.close(xmpp::StreamErrorCondition::unsupported_stanza_type);
  }
}

RoutedStanza Session::sent_by_client(const xmpp::Stanza& stanza, xmpp::Jid to) const {
  RoutedStanza sent = routed(stanza, jid_, std::move(to));
  sent.read_at = home_.counters.read_at;
  return sent;
}

void Session::on_message(xmpp::Stanza stanza, xmpp::Jid to) {
  // RFC 6121 §8.1.1: without `to` it is for the sender's own account, which needs to be in it.
  if (stanza.to().empty()) stanza.set_to(to.str());
  remove_forged_carbons(stanza);
  send_on(sent_by_client(stanza, std::move(to)));
}

void Session::on_iq(xmpp::Stanza stanza, bool has_to, xmpp::Jid to) {
  const std::string type(stanza.type());
  const bool is_request = type == "get" || type == "set";
  if (!is_request && type != "result" && type != "error") {
    return reply_error(stanza, xmpp::StanzaErrorCondition::bad_request);
  }
  if (stanza.id().empty()) return reply_error(stanza, xmpp::StanzaErrorCondition::bad_request);
  xmpp::Element payload = stanza.root().first_child();
  // RFC 6120 §8.2.3: a request has exactly one payload.
  if (is_request && (!payload || payload.next())) {
    return reply_error(stanza, xmpp::StanzaErrorCondition::bad_request);
  }

  const bool is_own = !has_to || to == jid_.bare();
  // RFC 6121 §8.5.2: what is asked of an account its server answers.
  if (!is_own && (to.is_full() || !services_.router.serves(to.domain()))) {
    if (is_request && type == "set" && is_server_only(payload.ns()) &&
        to.bare_str() != jid_.bare_str()) {
      return reply_error(stanza, xmpp::StanzaErrorCondition::service_unavailable);
    }
    return services_.router.route(sent_by_client(stanza, std::move(to)), &home_);
  }
  if (!is_request) {
    // Or to a ping of ours: that it came is all there is to it.
    if (filter_ && filter_->on_answer(stanza)) send_last_items();
    return;
  }
  const IqTarget target = is_own           ? IqTarget::account
                          : to.has_local() ? IqTarget::contact
                                           : IqTarget::server;
  answer_iq(std::move(stanza), target, std::move(to));
}

void Session::answer_iq(xmpp::Stanza stanza, IqTarget target, xmpp::Jid to) {
  const xmpp::Element payload = stanza.root().first_child();
  const auto* handler =
      services_.iq_handlers.find(target, stanza.type(), payload.ns(), payload.name());
  // Hardening S11: an account that does not exist answers alike.
  if (handler == nullptr) {
    return reply_error(stanza, xmpp::StanzaErrorCondition::service_unavailable);
  }
  const auto reply = [home = &home_, session = record_.session,
                      self = jid_](const xmpp::Stanza& answer) {
    // The session may have gone meanwhile; then the answer is nobody's.
    Recipient* recipient = home->sessions.find(session);
    if (recipient == nullptr) return;
    if (answer.type() == "error") {
      const xmpp::Element error = answer.root().child("error", xmpp::ns::client);
      if (error && error.first_child()) {
        home->counters.stanzas_bounced.add(error.first_child().name());
      }
    }
    recipient->deliver(routed(answer, self, self));
  };
  (*handler)({.from = jid_,
              .to = std::move(to),
              .iq = std::make_shared<const xmpp::Stanza>(std::move(stanza)),
              .payload = payload,
              .target = target,
              .reply = reply,
              .home = home_,
              .interests = interests_});
  if (interests_.carbons != record_.wants_carbons) {
    record_.wants_carbons = interests_.carbons;
    services_.directory.update(jid_, record_);
  }
}

void Session::on_presence(const xmpp::Stanza& stanza, bool has_to, const xmpp::Jid& to) {
  const bool took_mail = takes_mail();
  const bool was_available = record_.is_available;
  presence_->on_sent(stanza, has_to, to);
  if (!has_to && stanza.type().empty()) on_caps(stanza, !was_available);
  // XEP-0160 §3: who becomes available, or no longer refuses messages, gets what waits.
  if (!took_mail) on_mail();
}

void Session::displace() {
  output_.close(xmpp::StreamErrorCondition::conflict, "bound by a later session");
}

bool Session::deliver(const RoutedStanza& stanza) {
  if (has_left_) return false;
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
  // What a node that died had stored, and sent us all the same: once is enough.
  if (stanza.is_restored && acks_ &&
      (acks_->holds(stanza.id) || home_.settlement->was_acked(stanza.id))) {
    services_.router.settle(stanza, CopyFate::acked, &home_);
    return true;
  }
  write(stanza);
  return true;
}

void Session::on_caps(const xmpp::Stanza& presence, bool is_initial) {
  if (!filter_ && presence.root().child("c", xmpp::ns::caps)) {
    filter_ = std::make_unique<NotifyFilter>(services_.caps);
  }
  if (!filter_) return;
  const auto question = filter_->on_presence(presence);
  if (question) {
    const auto domain = xmpp::Jid::make({}, jid_.domain());
    const auto stanza = xmpp::Stanza::parse(*question);
    if (domain && stanza) write(routed(*stanza, *domain, jid_));
  } else if (is_initial || filter_->has_changed()) {
    send_last_items();
  }
}

bool Session::wants_headline(const RoutedStanza& message) const {
  const bool wants_events = filter_ && filter_->wants_anything();
  if (!wants_events && !interests_.carbons) return false;
  const auto parsed = xmpp::Stanza::parse(message.xml);
  if (!parsed) return false;
  const xmpp::Element event = parsed->root().child("event", xmpp::ns::pubsub_event);
  if (!event) return interests_.carbons;
  return wants_events && filter_->wants(event.first_child().attr("node"));
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
    if (!output_.write(stanza.xml)) return services_.router.undeliverable(stanza, &home_);
    services_.router.settle(stanza, CopyFate::acked, &home_);  // More is not to be known.
  } else if (!acks_->send(stanza)) {
    // Hardening E3: a client that never acknowledges is bounded in stanzas and bytes. Those that
    // are kept are routed anew when the session ends; this one already now.
    output_.close(xmpp::StreamErrorCondition::policy_violation, "too many unacknowledged stanzas");
    return services_.router.undeliverable(stanza, &home_);
  }
  count_sent(stanza);
}

void Session::count_sent(const RoutedStanza& stanza) {
  home_.counters.stanzas_sent.add(counted(stanza.kind));
  home_.counters.observe_route(RouteScope::local, stanza.read_at);
}

void Session::settled(std::uint64_t number) {
  if (acks_) acks_->on_settled(number);
}

void Session::on_mail() {
  if (!home_.settlement || !takes_mail()) return;
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

void Session::on_ack_tick() {
  if (acks_) acks_->on_tick();
}

void Session::request_ack() {
  if (acks_) acks_->request();
}

void Session::send_ack() {
  if (acks_) acks_->send_last_ack();
}

bool Session::on_management(const xmpp::Element& element) {
  if (element.ns() != xmpp::ns::sm3) return false;
  const std::string_view name = element.name();
  if (name == "enable") {
    if (acks_) {
      output_.write(xmpp::SharedText(
          "<failed xmlns='" + std::string(xmpp::ns::sm3) +
          "'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"));
      return true;
    }
    acks_ = std::make_unique<AckExchange>(home_, services_.router, output_, record_.session);
    // Without an id and `resume`: acknowledgements only.
    output_.write(xmpp::SharedText("<enabled xmlns='" + std::string(xmpp::ns::sm3) + "'/>"));
    return true;
  }
  if (name == "resume") {
    output_.write(xmpp::SharedText(
        "<failed xmlns='" + std::string(xmpp::ns::sm3) +
        "'><feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"));
    return true;
  }
  if (!acks_) {
    output_.close(xmpp::StreamErrorCondition::policy_violation, "acks were not enabled");
  } else if (!acks_->on_element(element)) {
    output_.close(xmpp::StreamErrorCondition::unsupported_stanza_type);
  }
  return true;
}

void Session::ping() {
  if (acks_) {
    static const xmpp::SharedText request("<r xmlns='" + std::string(xmpp::ns::sm3) + "'/>");
    output_.write(request);
    return;
  }
  // Written past the session's queue: what a server asks is not the client's to lose.
  output_.write(xmpp::SharedText("<iq type='get' id='ping-" + std::to_string(microseconds_now()) +
                                 "' from='" + xmpp::escape_attr(jid_.domain()) + "' to='" +
                                 xmpp::escape_attr(jid_.str()) +
                                 "'><ping xmlns='urn:xmpp:ping'/></iq>"));
}

void Session::reply_error(const xmpp::Stanza& stanza, xmpp::StanzaErrorCondition condition,
                          std::string_view text) {
  if (!stanza.may_be_answered_with_error()) return;  // RFC 6120 §8.3.1
  home_.counters.stanzas_bounced.add(xmpp::name(condition));
  xmpp::Stanza reply = stanza.error_reply(condition, text);
  write(routed(reply, jid_, jid_));
}

void Session::leave() {
  if (std::exchange(has_left_, true)) return;
  services_.directory.unbind(jid_, record_.session);
  presence_->leave();
  home_.sessions.remove(record_.session);
}

void Session::release_unacked() {
  if (acks_) acks_->release();
  if (const auto mail = std::exchange(mail_, nullptr)) {
    for (const RoutedStanza& stanza : mail->held) services_.router.undeliverable(stanza, &home_);
  }
}

}  // namespace server
