#include "server/stream/stream_opening.h"

#include "xmpp/escape.h"
#include "xmpp/jid.h"
#include "xmpp/namespaces.h"
#include "xmpp/sasl/scram.h"

namespace server {

boost::system::result<std::string, xmpp::StreamErrorCondition> opened_domain(
    const xmpp::StreamHeader& header, std::string_view former_domain,
    const std::function<bool(std::string_view domain)>& serves) {
  if (header.default_ns != xmpp::ns::client) {
    return xmpp::StreamErrorCondition::invalid_namespace;
  }
  if (!header.version.starts_with("1.")) return xmpp::StreamErrorCondition::unsupported_version;
  if (header.to.empty()) return xmpp::StreamErrorCondition::improper_addressing;
  const auto to = xmpp::Jid::parse(header.to);
  if (!to || to->has_local() || to->is_full() || !serves(to->domain())) {
    return xmpp::StreamErrorCondition::host_unknown;
  }
  if (!former_domain.empty() && former_domain != to->domain()) {
    return xmpp::StreamErrorCondition::not_authorized;
  }
  return std::string(to->domain());
}

std::string header_xml(std::string_view domain) {
  std::string xml =
      "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
      "xmlns:stream='http://etherx.jabber.org/streams' version='1.0' xml:lang='en' id='";
  xml += random_name();
  xml += '\'';
  if (!domain.empty()) xml += " from='" + xmpp::escape_attr(domain) + "'";
  xml += '>';
  return xml;
}

std::string hexadecimal(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += digits[static_cast<unsigned char>(byte) >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string random_name() {
  constexpr std::size_t bytes = 16;
  return hexadecimal(xmpp::random_bytes(bytes));
}

std::string features_xml(const Features& features) {
  std::string xml = "<stream:features>";
  if (features.starttls == Features::Starttls::required) {
    xml += "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
  } else if (features.starttls == Features::Starttls::optional) {
    xml += "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
  }
  xml += features.sasl;
  if (features.registration) xml += "<register xmlns='http://jabber.org/features/iq-register'/>";
  if (features.bind) {
    xml +=
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
        "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>";
  }
  if (features.acks) xml += "<sm xmlns='urn:xmpp:sm:3'><optional/></sm>";
  if (features.session) {
    xml +=
        "<csi xmlns='urn:xmpp:csi:0'/>"
        "<ver xmlns='urn:xmpp:features:rosterver'/>"      // XEP-0237
        "<sub xmlns='urn:xmpp:features:pre-approval'/>";  // RFC 6121 §3.4
  }
  xml += "</stream:features>";
  return xml;
}

}  // namespace server
