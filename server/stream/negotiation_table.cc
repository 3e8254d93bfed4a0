#include "server/stream/negotiation_table.h"

#include "xmpp/namespaces.h"

namespace server {

boost::system::result<StreamStep, xmpp::StreamErrorCondition> step_of(StreamPhase phase,
                                                                      const xmpp::Stanza& element,
                                                                      StreamOffer offer) {
  using Error = xmpp::StreamErrorCondition;
  const auto is = [ns = element.root().ns(), name = element.root().name()](
                      std::string_view wanted_ns, std::string_view wanted_name) {
    return ns == wanted_ns && name == wanted_name;
  };
  const std::string_view ns = element.root().ns();
  const bool is_sasl = ns == xmpp::ns::sasl || ns == xmpp::ns::sasl2;
  switch (phase) {
    case StreamPhase::before_tls:
      if (is(xmpp::ns::tls, "starttls")) return StreamStep::start_tls;
      if (is_sasl) return StreamStep::refuse_login_in_clear;
      return ns == xmpp::ns::client ? Error::not_authorized : Error::policy_violation;
    case StreamPhase::authenticating:
      if (is_sasl) return StreamStep::login;
      if (offer.starttls && is(xmpp::ns::tls, "starttls")) return StreamStep::start_tls;
      if (offer.registration && element.kind() == xmpp::Stanza::Kind::iq) {
        return StreamStep::registration;
      }
      return ns == xmpp::ns::client ? Error::not_authorized : Error::policy_violation;
    case StreamPhase::exchanging:
      // XEP-0388 §2.4: nothing else, or the client is disconnected.
      if (ns == xmpp::ns::sasl2) return StreamStep::login;
      return Error::policy_violation;
    case StreamPhase::binding:
      if (is(xmpp::ns::sm3, "resume")) return StreamStep::resume;
      if (ns == xmpp::ns::sm3) return StreamStep::refuse_acknowledgements;
      if (element.kind() == xmpp::Stanza::Kind::iq && element.type() == "set" &&
          element.root().child("bind", xmpp::ns::bind)) {
        return StreamStep::bind;
      }
      return Error::not_authorized;  // RFC 6120 §7.1
    case StreamPhase::bound:
      if (ns == xmpp::ns::sm3) return StreamStep::acknowledgements;
      if (ns == xmpp::ns::client_state) return StreamStep::client_state;
      if (element.kind() == xmpp::Stanza::Kind::other || ns != xmpp::ns::client) {
        return Error::unsupported_stanza_type;
      }
      return StreamStep::stanza;
    case StreamPhase::closing:
      // The last acknowledgements of a client that was told to go: what they cover has arrived.
      return is(xmpp::ns::sm3, "a") ? StreamStep::acknowledgements : StreamStep::ignore;
    case StreamPhase::opening:
    case StreamPhase::tls_handshake:
    case StreamPhase::checking:
    case StreamPhase::resuming:
    case StreamPhase::ended:
      break;
  }
  return Error::policy_violation;
}

}  // namespace server
