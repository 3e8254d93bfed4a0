#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "server/stream/stream_services.h"
#include "xmpp/jid.h"
#include "xmpp/stanza_error.h"
#include "xmpp/stream_error.h"

namespace server {

/// This node takes no session now: the stream ends, and the client tries another node.
struct NodeRefusal {
  xmpp::StreamErrorCondition condition;
  std::string_view text;
};

/// A resource for a client that leaves it to us and calls itself `tag` (XEP-0386 §3.2.1). With a
/// `client`, the UUID of its installation, it is the same at each login to `account`, and tells
/// nothing of the UUID. Either may be empty.
std::string made_resource(std::string_view tag, std::string_view client, std::string_view account);

/// Whether the account `local`@`domain` gets the session that it asks for under `resource` (RFC
/// 6120 §7; empty: any): under this full JID, or not under this name, or not on this node. Binds
/// nothing.
///
/// A full JID that is bound already is granted: the later session displaces the earlier one.
std::variant<xmpp::Jid, xmpp::StanzaErrorCondition, NodeRefusal> grant_resource(
    std::string_view resource, std::string_view local, std::string_view domain,
    const StreamServices& services);

}  // namespace server
