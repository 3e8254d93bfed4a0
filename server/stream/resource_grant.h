#pragma once

#include <string_view>
#include <variant>

#include "server/stream/stream_services.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"
#include "xmpp/stanza_error.h"
#include "xmpp/stream_error.h"

namespace server {

/// This node takes no session now: the stream ends, and the client tries another node.
struct NodeRefusal {
  xmpp::StreamErrorCondition condition;
  std::string_view text;
};

/// Whether the account `local`@`domain` gets the session that its bind request `iq` asks for (RFC
/// 6120 §7): under this full JID, or not with this request, or not on this node. Binds nothing.
///
/// A full JID that is bound already is granted: the later session displaces the earlier one.
std::variant<xmpp::Jid, xmpp::StanzaErrorCondition, NodeRefusal> grant_resource(
    const xmpp::Stanza& iq, std::string_view local, std::string_view domain,
    const StreamServices& services);

}  // namespace server
