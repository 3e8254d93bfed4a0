#include "server/stream/sasl_wire.h"

#include "xmpp/date_time.h"
#include "xmpp/escape.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

// RFC 6120 §6.4.2: no text is no initial response, "=" is an empty one.
std::optional<std::string> initial_response(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text == "=" ? std::string() : text;
}

}  // namespace

std::optional<SaslStep> SaslStep::of(const xmpp::Element& element) {
  const bool is_new = element.ns() == xmpp::ns::sasl2;
  SaslStep step{.form = is_new ? SaslForm::xep0388 : SaslForm::rfc6120};
  const std::string_view name = element.name();
  if (name == "response") {
    step.kind = Kind::response;
    step.payload = element.text();
  } else if (name == (is_new ? "authenticate" : "auth")) {
    step.kind = Kind::begin;
    step.mechanism = element.attr("mechanism");
    if (!is_new) {
      step.payload = initial_response(element.text());
    } else if (const auto initial = element.child("initial-response", xmpp::ns::sasl2)) {
      step.payload = initial.text();
    }
  } else if (name != "abort") {
    return std::nullopt;
  }
  return step;
}

std::string SaslOutcome::to_xml(SaslForm form) const {
  std::string_view name = "challenge";
  if (kind == Kind::success) name = "success";
  if (kind == Kind::failure) name = "failure";
  const bool is_new = form == SaslForm::xep0388;
  std::string xml = "<" + std::string(name) + " xmlns='";
  xml.append(is_new ? xmpp::ns::sasl2 : xmpp::ns::sasl).append("'>");
  if (kind != Kind::failure) {
    xml += payload;
  } else if (is_new) {
    xml.append("<").append(payload).append(" xmlns='").append(xmpp::ns::sasl).append("'/>");
  } else {
    xml += "<" + payload + "/>";
  }
  xml.append("</").append(name).append(">");
  return xml;
}

std::string token_xml(const LoginToken& token) {
  constexpr std::uint64_t microseconds = 1'000'000;
  return "<token xmlns='urn:xmpp:fast:0' expiry='" + xmpp::date_time(token.expires * microseconds) +
         "' token='" + xmpp::escape_attr(token.token.reveal()) + "'/>";
}

std::string success_xml(std::string_view payload, std::string_view jid, std::string_view answers) {
  std::string xml = "<success xmlns='urn:xmpp:sasl:2'>";
  if (!payload.empty())
    xml.append("<additional-data>").append(payload).append("</additional-data>");
  xml.append("<authorization-identifier>")
      .append(xmpp::escape_text(jid))
      .append("</authorization-identifier>")
      .append(answers)
      .append("</success>");
  return xml;
}

}  // namespace server
