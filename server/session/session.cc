#include "server/session/session.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <charconv>
#include <exception>
#include <utility>

#include "server/log/log.h"
#include "server/router/forgeries.h"
#include "server/router/stanza_ids.h"
#include "server/router/stored_message.h"
#include "server/session/iq_handlers.h"
#include "xmpp/namespaces.h"
#include "xmpp/stanza_error.h"

namespace server {
namespace {

std::uint64_t microseconds_now() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

bool is_server_only(std::string_view ns) {
  // Pushes that clients trust because only their server may send them (hardening S3).
  return ns == "jabber:iq:roster" || ns == "urn:xmpp:blocking" || ns == "jabber:iq:privacy";
}

}  // namespace

Session::Session(RoutedLoop& home, SessionServices services, StreamOutput& output, xmpp::Jid jid)
    : home_(home), services_(services), output_(&output), jid_(std::move(jid)) {
  bind();
}

Session::Session(RoutedLoop& home, SessionServices services, StreamOutput& output,
                 SessionState state)
    : home_(home),
      services_(services),
      output_(&output),
      jid_(std::move(state.jid)),
      record_(state.record),
      token_(std::make_unique<ResumeToken>(state.token)),
      arrival_(std::make_unique<Arrival>()),
      interests_(state.interests) {
  arrival_->bound = bind();
  acks_ = std::make_unique<AckExchange>(home_, services_.router, *output_, record_.session,
                                        state.handled, state.acked);
  if (const auto last = xmpp::Stanza::parse(state.presence.last)) {
    arrival_->question = caps_question(*last);
  }
  presence_->resume(std::move(state.presence));
}

replication::Position Session::bind() {
  // Later than where it was, whatever the clocks of two nodes say.
  record_.bound_at = std::max(microseconds_now(), record_.bound_at + 1);
  record_.loop = static_cast<std::uint16_t>(home_.loop.index());
  record_.session = home_.sessions.add(this);
  const auto position = services_.directory.bind(jid_, record_);
  presence_ = std::make_shared<SessionPresence>(
      home_,
      PresenceServices{services_.directory, services_.router, services_.rosters,
                       services_.last_activities, services_.pep},
      jid_, record_);
  return position;
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
  if (!is_own(head.from)) return output_->close(xmpp::StreamErrorCondition::invalid_from);
  if (may_hold_forgery(bytes)) {
    // Or what is allowed: with a tree they are told apart.
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
  if (!may_be_stored(message)) return services_.router.route(message, &home_);
  message.id = home_.ids.next();
  const bool is_archiving = is_archived(message);
  if (is_archiving && !wait_for_archive()) {
    return services_.router.bounce(message, xmpp::StanzaErrorCondition::resource_constraint,
                                   &home_);
  }
  const xmpp::SharedText written = message.xml;
  if (is_archiving) message.xml = with_stanza_id(written, message.to, message.id);
  if (acks_ && home_.settlement) {
    home_.settlement->begin(message, record_.session, is_archiving);
    acks_->wait_for(message.ticket.number);
  }
  if (is_archiving) {
    home_.archive->keep({message.id, message.from, message.to, written}, message.ticket.number);
  }
  services_.router.route(message, &home_);
}

StanzaKind Session::counted(xmpp::Stanza::Kind kind) {
  switch (kind) {
    case xmpp::Stanza::Kind::presence:
      return StanzaKind::presence;
    case xmpp::Stanza::Kind::iq:
      return StanzaKind::iq;
    default:
      return StanzaKind::message;
  }
}

bool Session::is_archived(const RoutedStanza& message) const {
  // What does not get there is in neither archive: it is answered with an error.
  return home_.archive && message.to.has_local() && services_.router.serves(message.to.domain()) &&
         services_.router.blocks().between(message.from, message.to) == Barrier::none &&
         is_worth_archiving(message.xml);
}

// A client that sends more than the database takes waits in TCP. False when it has sent so much
// before it knew that there is no room left.
bool Session::wait_for_archive() {
  if (home_.archive->is_full() && !std::exchange(waits_for_archive_, true)) {
    output_->pause();
    home_.archive->tell_of_room(record_.session);
  }
  return !home_.archive->is_overfull();
}

void Session::on_archive_room() {
  waits_for_archive_ = false;
  output_->resume();
}

void Session::on_stanza(xmpp::Stanza stanza) {
  if (acks_) acks_->on_handled();
  home_.counters.stanzas_received.add(counted(stanza.kind()));
  if (!is_own(stanza.from())) return output_->close(xmpp::StreamErrorCondition::invalid_from);
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
      return output_->close(xmpp::StreamErrorCondition::unsupported_stanza_type);
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
  remove_forgeries(stanza, services_.router);
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
  const bool is_served = services_.router.serves(to.domain());
  // XEP-0012 §5: it is for the server to say who may ask a session when it was last touched.
  const bool asks_server = is_served && type == "get" && payload.ns() == xmpp::ns::last_activity;
  // RFC 6121 §8.5.2: what is asked of an account its server answers.
  if (!is_own && !asks_server && (to.is_full() || !is_served)) {
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
  const auto reply = [home = &home_, router = &services_.router, session = record_.session,
                      self = jid_](const xmpp::Stanza& answer) {
    if (answer.type() == "error") {
      const xmpp::Element error = answer.root().child("error", xmpp::ns::client);
      if (error && error.first_child()) {
        home->counters.stanzas_bounced.add(error.first_child().name());
      }
    }
    // The session may have moved meanwhile, or be gone; then the answer is nobody's.
    Recipient* recipient = home->sessions.find(session);
    if (recipient == nullptr) return router->route(routed(answer, self, self), home);
    recipient->deliver(routed(answer, self, self));
  };
  (*handler)({.from = jid_,
              .to = std::move(to),
              .iq = std::make_shared<const xmpp::Stanza>(std::move(stanza)),
              .payload = payload,
              .target = target,
              .reply = reply,
              .home = home_,
              .session = record_.session,
              .interests = interests_});
  note_interests();
}

void Session::note_interests() {
  if (interests_.carbons == record_.wants_carbons) return;
  record_.wants_carbons = interests_.carbons;
  services_.directory.update(jid_, record_);
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
  output_->close(xmpp::StreamErrorCondition::conflict, "bound by a later session");
}

void Session::settled(std::uint64_t number) {
  if (acks_) acks_->on_settled(number);
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

std::string Session::enable_acks(bool is_resumable) {
  acks_ = std::make_unique<AckExchange>(home_, services_.router, *output_, record_.session);
  std::string enabled = "<enabled xmlns='" + std::string(xmpp::ns::sm3) + "'";
  if (is_resumable && services_.resume_time.count() > 0) {
    token_ = std::make_unique<ResumeToken>(make_resume_token());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(services_.resume_time);
    enabled +=
        " id='" + resume_id() + "' resume='true' max='" + std::to_string(seconds.count()) + "'";
  }
  return enabled + "/>";
}

std::string Session::start_with(const SessionWishes& wishes) {
  interests_.carbons = wishes.carbons;
  note_interests();
  if (wishes.is_inactive) held_back_ = std::make_unique<HeldBack>();
  return wishes.acks ? enable_acks(wishes.resumption) : std::string();
}

bool Session::on_management(const xmpp::Element& element) {
  if (element.ns() != xmpp::ns::sm3) return false;
  const std::string_view name = element.name();
  if (name == "enable" && !acks_) {
    const std::string_view resume = element.attr("resume");
    output_->write(xmpp::SharedText(enable_acks(resume == "true" || resume == "1")));
    return true;
  }
  if (name == "enable" || name == "resume") {  // XEP-0198 §5: on a bound stream it is too late.
    output_->write(xmpp::SharedText(
        "<failed xmlns='" + std::string(xmpp::ns::sm3) +
        "'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"));
    return true;
  }
  if (!acks_) {
    output_->close(xmpp::StreamErrorCondition::policy_violation, "acks were not enabled");
  } else if (!acks_->on_element(element)) {
    output_->close(xmpp::StreamErrorCondition::unsupported_stanza_type);
  }
  return true;
}

void Session::ping() {
  if (acks_) {
    static const xmpp::SharedText request("<r xmlns='" + std::string(xmpp::ns::sm3) + "'/>");
    output_->write(request);
    return;
  }
  // Written past the session's queue: what a server asks is not the client's to lose.
  output_->write(xmpp::SharedText("<iq type='get' id='ping-" + std::to_string(microseconds_now()) +
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
  services_.directory.unbind(jid_, record_);
  presence_->leave();
  home_.sessions.remove(record_.session);
}

void Session::release_unacked() {
  if (acks_) acks_->release();
  if (const auto mail = std::exchange(mail_, nullptr)) {
    for (const RoutedStanza& stanza : mail->held) services_.router.undeliverable(stanza, &home_);
  }
  if (const auto arrival = std::exchange(arrival_, nullptr)) {
    for (const RoutedStanza& stanza : arrival->held) services_.router.undeliverable(stanza, &home_);
  }
}

}  // namespace server
