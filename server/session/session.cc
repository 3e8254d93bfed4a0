#include "server/session/session.h"

#include <charconv>
#include <utility>

#include "server/session/iq_handlers.h"
#include "xmpp/namespaces.h"
#include "xmpp/stanza_error.h"

namespace server {
namespace {

// A client is asked to acknowledge after so many stanzas; XEP-0198 leaves the pace to us.
constexpr std::uint32_t stanzas_per_request = 16;

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
}

Session::~Session() {
  leave();
  release_unacked();
}

std::size_t Session::unacked() const { return management_ ? management_->unacked.size() : 0; }

// RFC 6120 §8.1.2.1, hardening S1: `from` is ours to write.
bool Session::is_own(std::string_view from) const {
  if (from.empty() || from == jid_.str()) return true;
  const auto claimed = xmpp::Jid::parse(from);
  return claimed && (*claimed == jid_ || claimed->str() == jid_.bare_str());
}

void Session::on_message(std::string_view bytes, const xmpp::StanzaHead& head) {
  if (management_) ++management_->handled;
  home_.counters.stanzas_received.add(StanzaKind::message);
  if (!is_own(head.from)) return output_.close(xmpp::StreamErrorCondition::invalid_from);
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
  sent.xml =
      std::make_shared<const std::string>(xmpp::forwarded(bytes, head, jid_.str(), sent.to.str()));
  sent.read_at = home_.counters.read_at;
  services_.router.route(std::move(sent), &home_);
}

void Session::on_stanza(xmpp::Stanza stanza) {
  if (management_) ++management_->handled;
  home_.counters.stanzas_received.add(counted(stanza.kind()));
  if (!is_own(stanza.from())) return output_.close(xmpp::StreamErrorCondition::invalid_from);
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
      if (const auto refusal = presence_.on_sent(presence_owner(), stanza, has_to, std::move(to))) {
        reply_error(stanza, *refusal);
      }
      return;
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
  services_.router.route(sent_by_client(stanza, std::move(to)), &home_);
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
  const bool is_server = services_.router.serves(to.domain()) && !to.has_local() && to.is_bare();
  if (!is_own && !is_server) {
    if (is_request && type == "set" && is_server_only(payload.ns()) &&
        to.bare_str() != jid_.bare_str()) {
      return reply_error(stanza, xmpp::StanzaErrorCondition::service_unavailable);
    }
    return services_.router.route(sent_by_client(stanza, std::move(to)), &home_);
  }
  if (!is_request) return;  // An answer to a ping of ours: that it came is all there is to it.

  const IqTarget target = is_server ? IqTarget::server : IqTarget::account;
  const auto* handler = services_.iq_handlers.find(target, type, payload.ns(), payload.name());
  if (handler == nullptr) {
    return reply_error(stanza, xmpp::StanzaErrorCondition::service_unavailable);
  }
  RoutedLoop* home = &home_;
  Router* router = &services_.router;
  const SessionAddress address{replication::self_ref, record_.loop, record_.session};
  const xmpp::Jid self = jid_;
  (*handler)({jid_, stanza, payload, target,
              [home, router, address, self](const xmpp::Stanza& answer) {
                // The session may have gone meanwhile; then the answer is nobody's.
                Recipient* session = home->sessions.find(address.session);
                if (session == nullptr) return;
                if (answer.type() == "error") {
                  const xmpp::Element error = answer.root().child("error", xmpp::ns::client);
                  if (error && error.first_child()) {
                    home->counters.stanzas_bounced.add(error.first_child().name());
                  }
                }
                session->deliver(routed(answer, self, self));
              },
              home_.loop.context().get_executor()});
}

PresenceOwner Session::presence_owner() {
  return {home_, services_.directory, services_.router, jid_, record_};
}

void Session::displace() {
  output_.close(xmpp::StreamErrorCondition::conflict, "bound by a later session");
}

bool Session::deliver(const RoutedStanza& stanza) {
  if (has_left_) return false;
  if (stanza.kind == xmpp::Stanza::Kind::presence && stanza.type == "probe") {
    presence_.on_probe(presence_owner(), stanza);
    return true;
  }
  write(stanza);
  return true;
}

void Session::write(const RoutedStanza& stanza) {
  if (!management_) {
    if (!output_.write(stanza.xml)) return services_.router.undeliverable(stanza, &home_);
    return count_sent(stanza);
  }
  // Hardening E3: a client that never acknowledges is bounded in stanzas and bytes.
  if (!management_->unacked.push(stanza, stanza.xml->size())) {
    // Those that are kept are routed anew when the session ends; this one already now.
    output_.close(xmpp::StreamErrorCondition::policy_violation, "too many unacknowledged stanzas");
    services_.router.undeliverable(stanza, &home_);
    return;
  }
  home_.counters.unacknowledged_stanzas.raise(1);
  if (output_.write(stanza.xml)) count_sent(stanza);
  if (++management_->since_request >= stanzas_per_request) request_ack();
}

void Session::count_sent(const RoutedStanza& stanza) {
  home_.counters.stanzas_sent.add(counted(stanza.kind));
  home_.counters.observe_route(RouteScope::local, stanza.read_at);
}

void Session::request_ack() {
  if (!management_ || management_->request_pending || management_->unacked.size() == 0) return;
  static const auto request =
      std::make_shared<const std::string>("<r xmlns='" + std::string(xmpp::ns::sm3) + "'/>");
  management_->request_pending = true;
  management_->since_request = 0;
  output_.write(request);
}

void Session::send_ack() {
  if (!management_) return;
  output_.write(std::make_shared<const std::string>("<a xmlns='" + std::string(xmpp::ns::sm3) +
                                                    "' h='" + std::to_string(management_->handled) +
                                                    "'/>"));
}

bool Session::on_management(const xmpp::Element& element) {
  if (element.ns() != xmpp::ns::sm3) return false;
  const std::string_view name = element.name();
  if (name == "enable") {
    if (management_) {
      output_.write(std::make_shared<const std::string>(
          "<failed xmlns='" + std::string(xmpp::ns::sm3) +
          "'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"));
      return true;
    }
    management_ = std::make_unique<Management>();
    // Without an id and `resume`: acknowledgements only.
    output_.write(std::make_shared<const std::string>("<enabled xmlns='" +
                                                      std::string(xmpp::ns::sm3) + "'/>"));
    return true;
  }
  if (name == "resume") {
    output_.write(std::make_shared<const std::string>(
        "<failed xmlns='" + std::string(xmpp::ns::sm3) +
        "'><feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"));
    return true;
  }
  if (!management_) {
    output_.close(xmpp::StreamErrorCondition::policy_violation, "acks were not enabled");
    return true;
  }
  if (name == "r") {
    send_ack();
    return true;
  }
  if (name == "a") {
    management_->request_pending = false;
    const std::size_t unacked_before = management_->unacked.size();
    std::uint32_t handled = 0;
    const std::string_view h = element.attr("h");
    const auto [end, error] = std::from_chars(h.data(), h.data() + h.size(), handled);
    if (error != std::errc() || end != h.data() + h.size()) {
      output_.close(xmpp::StreamErrorCondition::bad_format);
    } else if (management_->unacked.acknowledge(handled) ==
               xmpp::AckOutcome::handled_count_too_high) {
      // XEP-0198 §4, hardening E3.
      output_.close(xmpp::StreamErrorCondition::undefined_condition, {},
                    "<handled-count-too-high xmlns='" + std::string(xmpp::ns::sm3) + "' h='" +
                        std::string(h) + "' send-count='" +
                        std::to_string(management_->unacked.sent()) + "'/>");
    } else if (management_->unacked.size() >= stanzas_per_request) {
      request_ack();
    }
    home_.counters.unacknowledged_stanzas.lower(unacked_before - management_->unacked.size());
    return true;
  }
  output_.close(xmpp::StreamErrorCondition::unsupported_stanza_type);
  return true;
}

void Session::ping() {
  if (management_) {
    static const auto request =
        std::make_shared<const std::string>("<r xmlns='" + std::string(xmpp::ns::sm3) + "'/>");
    output_.write(request);
    return;
  }
  // Written past the session's queue: what a server asks is not the client's to lose.
  output_.write(std::make_shared<const std::string>(
      "<iq type='get' id='ping-" + std::to_string(microseconds_now()) + "' from='" +
      xmpp::escape_attr(jid_.domain()) + "' to='" + xmpp::escape_attr(jid_.str()) +
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
  presence_.leave(presence_owner());
  home_.sessions.remove(record_.session);
}

void Session::release_unacked() {
  if (!management_) return;
  home_.counters.unacknowledged_stanzas.lower(management_->unacked.size());
  management_->unacked.drain([this](RoutedStanza stanza) {
    // Presence and answers are about this stream; a message is about the person behind it.
    if (stanza.kind == xmpp::Stanza::Kind::message ||
        (stanza.kind == xmpp::Stanza::Kind::iq && (stanza.type == "get" || stanza.type == "set"))) {
      services_.router.undeliverable(std::move(stanza), &home_);
    }
  });
}

}  // namespace server
