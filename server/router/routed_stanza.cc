#include "server/router/routed_stanza.h"

#include <utility>

#include "server/router/payload.h"

namespace server {

RoutedStanza routed(const xmpp::Stanza& stanza, xmpp::Jid from, xmpp::Jid to) {
  RoutedStanza result;
  result.kind = stanza.kind();
  result.type = stanza.type();
  result.from = std::move(from);
  result.to = std::move(to);
  result.xml = stanza.to_string();
  return result;
}

std::string encode(const RoutedStanza& stanza, std::uint16_t loop, SessionId session) {
  PayloadWriter out(stanza.id ? PayloadKind::message : PayloadKind::stanza,
                    stanza.xml.size() + stanza.from.str().size() + stanza.to.str().size() + 96);
  if (stanza.id) {
    out.number(stanza.id.at, 8);
    out.number(stanza.id.origin, 8);
    out.number(stanza.ticket.number, 8);
    out.number(stanza.ticket.loop, 2);
  }
  out.number(static_cast<std::uint64_t>(stanza.kind), 1);
  out.number(stanza.reroutes, 1);
  out.number(loop, 2);
  out.number(session, 8);
  out.text(stanza.type);
  out.text(stanza.from.str());
  out.text(stanza.to.str());
  out.rest(stanza.xml);
  return std::move(out).bytes();
}

std::optional<Arrival> decode_arrival(std::string_view payload) {
  PayloadReader reader(payload);
  Arrival arrival;
  const auto form = static_cast<PayloadKind>(reader.number(1));
  if (form == PayloadKind::message) {
    arrival.stanza.id.at = reader.number(8);
    arrival.stanza.id.origin = reader.number(8);
    arrival.stanza.ticket.number = reader.number(8);
    arrival.stanza.ticket.loop = static_cast<std::uint16_t>(reader.number(2));
  } else if (form != PayloadKind::stanza) {
    return std::nullopt;
  }
  const std::uint64_t kind = reader.number(1);
  if (kind > static_cast<std::uint64_t>(xmpp::Stanza::Kind::iq)) return std::nullopt;
  arrival.stanza.kind = static_cast<xmpp::Stanza::Kind>(kind);
  arrival.stanza.reroutes = static_cast<std::uint8_t>(reader.number(1));
  arrival.loop = static_cast<std::uint16_t>(reader.number(2));
  arrival.session = reader.number(8);
  arrival.stanza.type = reader.text();
  auto from = xmpp::Jid::parse(reader.text());
  auto to = xmpp::Jid::parse(reader.text());
  if (reader.failed() || !from || !to) return std::nullopt;
  arrival.stanza.from = *std::move(from);
  arrival.stanza.to = *std::move(to);
  arrival.stanza.xml = reader.rest();
  return arrival;
}

}  // namespace server
