#include "loadgen/negotiation.h"

#include <string_view>
#include <utility>

#include "xmpp/namespaces.h"
#include "xmpp/sasl/channel_binding.h"

namespace loadgen {
namespace {

using Kind = NegotiationStep::Kind;

constexpr std::string_view resource = "load";

std::string resume_xml(const FormerSession& former) {
  return "<resume xmlns='urn:xmpp:sm:3' previd='" + xmpp::escape_attr(former.id) + "' h='" +
         std::to_string(former.h) + "'/>";
}

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
  if (ns == (is_inlined_ ? xmpp::ns::sasl2 : xmpp::ns::sasl) && stage_ == Stage::login) {
    const auto condition = name == "failure" ? condition_of(root) : std::string();
    const bool is_new_success = is_inlined_ && name == "success";
    const auto text =
        is_new_success ? root.child("additional-data", xmpp::ns::sasl2).text() : root.text();
    const LoginStep step = login_->on_element(name, text, condition);
    if (is_new_success && step.kind == LoginStep::Kind::success) return on_inline_success(root);
    return on_login(step);
  }
  if (ns == xmpp::ns::sm3 && stage_ == Stage::enabling) {
    on_enabled(root);
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
  const auto inlined = features.child("authentication", xmpp::ns::sasl2);
  is_inlined_ = settings_.login != LoginWay::steps && inlined;
  const auto offered = is_inlined_ ? inlined : features.child("mechanisms", xmpp::ns::sasl);
  for (const auto one : xmpp::children(offered)) {
    if (one.name() == "mechanism") offer.mechanisms.push_back(one.text());
  }
  const auto tokens = inlined.child("inline", xmpp::ns::sasl2).child("fast", xmpp::ns::fast);
  for (const auto one : xmpp::children(tokens)) offer.token_mechanisms.push_back(one.text());
  const auto bindings = features.child("sasl-channel-binding", xmpp::ns::sasl_channel_binding);
  for (const auto one : xmpp::children(bindings)) {
    if (one.attr("type") == xmpp::tls_exporter) offer.tls_exporter = true;
  }
  offer.ssl = ssl_;
  if (is_inlined_ && settings_.login == LoginWay::token) {
    login_ = start_token_login(offer, account_.user, memory_);
    has_token_ = login_ != nullptr;
    if (!has_token_) wanted_token_ = wanted_token(offer);
  }
  if (!login_) {
    login_ = start_login(settings_.auth, offer, account_.user, account_.password, keys_);
  }
  if (!login_) return {Kind::failed, "the server offers no SASL mechanism that --auth allows"};
  if (!registers_) return begin_login();
  stage_ = Stage::registering;
  return {Kind::send, "<iq type='set' id='register'><query xmlns='jabber:iq:register'><username>" +
                          xmpp::escape_text(account_.user) + "</username><password>" +
                          xmpp::escape_text(account_.password) + "</password></query></iq>"};
}

NegotiationStep Negotiation::begin_login() {
  stage_ = Stage::login;
  const std::string mechanism(login_->mechanism());
  if (is_inlined_) {
    return {Kind::send, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='" + mechanism +
                            "'><initial-response>" + login_->first() + "</initial-response>" +
                            login_wishes() + "</authenticate>"};
  }
  const std::string first = login_->first();
  return {Kind::send, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='" + mechanism +
                          "'>" + (first.empty() ? "=" : first) + "</auth>"};
}

std::string Negotiation::login_wishes() const {
  std::string xml = "<user-agent id='" + memory_.client_id + "'/>";
  if (has_token_) xml += "<fast xmlns='urn:xmpp:fast:0'/>";
  if (wanted_token_) {
    xml.append("<request-token xmlns='urn:xmpp:fast:0' mechanism='")
        .append(xmpp::name(*wanted_token_))
        .append("'/>");
  }
  if (!former_.id.empty()) xml += resume_xml(former_);
  xml += "<bind xmlns='urn:xmpp:bind:0'><tag>" + std::string(resource) + "</tag>";
  if (settings_.stream_management) xml += "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";
  return xml + "</bind>";
}

NegotiationStep Negotiation::on_inline_success(const xmpp::Element& success) {
  if (const auto token = success.child("token", xmpp::ns::fast)) {
    memory_.token = xmpp::Secret(std::string(token.attr("token")));
    if (wanted_token_) memory_.mechanism = *wanted_token_;
  }
  login_.reset();
  if (const auto resumed = success.child("resumed", xmpp::ns::sm3)) {
    return {Kind::resumed, std::string(resumed.attr("h"))};
  }
  const auto bound = success.child("bound", xmpp::ns::bind2);
  stage_ = Stage::binding;  // By the features that come, where nothing is bound yet.
  if (!bound) return {};
  if (const auto enabled = bound.child("enabled", xmpp::ns::sm3)) on_enabled(enabled);
  return {Kind::online, {}};
}

void Negotiation::on_enabled(const xmpp::Element& enabled) {
  stream_management_ = enabled.name() == "enabled";
  const auto resume = enabled.attr("resume");
  if (stream_management_ && (resume == "true" || resume == "1")) resume_id_ = enabled.attr("id");
}

NegotiationStep Negotiation::on_login(const LoginStep& step) {
  switch (step.kind) {
    case LoginStep::Kind::send:
      return {Kind::send, std::string("<response xmlns='") +
                              std::string(is_inlined_ ? xmpp::ns::sasl2 : xmpp::ns::sasl) + "'>" +
                              step.text + "</response>"};
    case LoginStep::Kind::success:
      login_.reset();
      stage_ = Stage::binding;
      return {Kind::restart_stream, {}};
    case LoginStep::Kind::failure:
      if (has_token_) memory_.token = {};  // The next try is by password.
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
  return {Kind::send, resume_xml(former_)};
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
