#include "loadgen/negotiation.h"

#include <string_view>
#include <utility>

#include "xmpp/namespaces.h"
#include "xmpp/sasl/channel_binding.h"

namespace loadgen {
namespace {

using Kind = NegotiationStep::Kind;

constexpr std::string_view resource = "load";

}  // namespace

std::string condition_of(const xmpp::Element& error) {
  const auto first = error.first_child();
  return first ? std::string(first.name()) : std::string("undefined-condition");
}

void Negotiation::on_secured(SSL* ssl) {
  ssl_ = ssl;
  stage_ = Stage::features;
}

NegotiationStep Negotiation::on_element(const xmpp::Stanza& element) {
  const auto root = element.root();
  const auto name = root.name();
  const auto ns = root.ns();
  if (ns == xmpp::ns::client && name == "iq") return on_answer(element);
  if (ns == xmpp::ns::stream && name == "features") return on_features(root);
  if (ns == xmpp::ns::tls) {
    if (name == "proceed" && stage_ == Stage::starttls) return {Kind::start_tls, {}};
    return {Kind::failed, "the server refused STARTTLS"};
  }
  if (ns == xmpp::ns::sasl && stage_ == Stage::login) {
    const auto condition = name == "failure" ? condition_of(root) : std::string();
    return on_login(login_->on_element(name, root.text(), condition));
  }
  if (ns == xmpp::ns::sm3 && stage_ == Stage::enabling) {
    stream_management_ = name == "enabled";
    const auto resume = root.attr("resume");
    if (stream_management_ && (resume == "true" || resume == "1")) resume_id_ = root.attr("id");
    if (stream_management_ || name == "failed") return {Kind::online, {}};
  }
  if (ns == xmpp::ns::sm3 && stage_ == Stage::resuming) {
    if (name == "resumed") return {Kind::resumed, std::string(root.attr("h"))};
    if (name == "failed") return bind();
  }
  return {};
}

NegotiationStep Negotiation::on_features(const xmpp::Element& features) {
  if (stage_ == Stage::binding) return begin_session(features);
  if (stage_ != Stage::features) return {};
  if (ssl_ == nullptr && settings_.tls.mode == TlsMode::starttls) {
    if (!features.child("starttls", xmpp::ns::tls)) {
      return {Kind::failed, "the server offers no STARTTLS; use --tls=off to go without"};
    }
    stage_ = Stage::starttls;
    return {Kind::send, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"};
  }
  LoginOffer offer;
  for (const auto one : xmpp::children(features.child("mechanisms", xmpp::ns::sasl))) {
    offer.mechanisms.push_back(one.text());
  }
  const auto bindings = features.child("sasl-channel-binding", xmpp::ns::sasl_channel_binding);
  for (const auto one : xmpp::children(bindings)) {
    if (one.attr("type") == xmpp::tls_exporter) offer.tls_exporter = true;
  }
  offer.ssl = ssl_;
  login_ = start_login(settings_.auth, offer, account_.user, account_.password, keys_);
  if (!login_) return {Kind::failed, "the server offers no SASL mechanism that --auth allows"};
  if (!registers_) return begin_login();
  stage_ = Stage::registering;
  return {Kind::send, "<iq type='set' id='register'><query xmlns='jabber:iq:register'><username>" +
                          xmpp::escape_text(account_.user) + "</username><password>" +
                          xmpp::escape_text(account_.password) + "</password></query></iq>"};
}

NegotiationStep Negotiation::begin_login() {
  stage_ = Stage::login;
  return {Kind::send, login_->first()};
}

NegotiationStep Negotiation::on_login(const LoginStep& step) {
  switch (step.kind) {
    case LoginStep::Kind::send:
      return {Kind::send, step.text};
    case LoginStep::Kind::success:
      login_.reset();
      stage_ = Stage::binding;
      return {Kind::restart_stream, {}};
    case LoginStep::Kind::failure:
      break;
  }
  return {Kind::failed, "login refused: " + step.text};
}

NegotiationStep Negotiation::begin_session(const xmpp::Element& features) {
  offers_stream_management_ = static_cast<bool>(features.child("sm", xmpp::ns::sm3));
  const auto session = features.child("session", xmpp::ns::session);
  needs_session_ = session && !session.child("optional", xmpp::ns::session);
  if (former_.id.empty() || !offers_stream_management_) return bind();
  stage_ = Stage::resuming;
  return {Kind::send, "<resume xmlns='urn:xmpp:sm:3' previd='" + xmpp::escape_attr(former_.id) +
                          "' h='" + std::to_string(former_.h) + "'/>"};
}

NegotiationStep Negotiation::bind() {
  stage_ = Stage::binding;
  return {Kind::send,
          "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>" +
              std::string(resource) + "</resource></bind></iq>"};
}

NegotiationStep Negotiation::on_answer(const xmpp::Stanza& iq) {
  const auto id = iq.id();
  const bool has_failed = iq.type() == "error";
  std::string why;
  if (has_failed) {
    const auto error = iq.root().child("error", xmpp::ns::client);
    why = error ? condition_of(error) : "no reason given";
  }
  if (id == "register" && stage_ == Stage::registering) {
    // It exists already: that is as good.
    if (has_failed && why != "conflict") return {Kind::failed, "registration refused: " + why};
    registered_ = true;
    return begin_login();
  }
  if (id == "bind" && stage_ == Stage::binding) {
    if (has_failed) return {Kind::failed, "bind refused: " + why};
    return after_bind();
  }
  if (id == "session" && stage_ == Stage::session) {
    // A server that refuses what RFC 6121 no longer has serves the session all the same.
    needs_session_ = false;
    return after_bind();
  }
  return {};
}

NegotiationStep Negotiation::after_bind() {
  if (needs_session_) {
    stage_ = Stage::session;
    return {Kind::send,
            "<iq type='set' id='session'>"
            "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"};
  }
  if (settings_.stream_management && offers_stream_management_) {
    stage_ = Stage::enabling;
    return {Kind::send, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>"};
  }
  return {Kind::online, {}};
}

}  // namespace loadgen
