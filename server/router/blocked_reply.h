#pragma once

#include "xmpp/namespaces.h"
#include "xmpp/stanza.h"

namespace server {

/// What a client is told that sends `stanza` to whom its own account blocks (XEP-0191 §3.3).
inline xmpp::Stanza blocked_reply(const xmpp::Stanza& stanza) {
  xmpp::Stanza reply = stanza.error_reply(xmpp::StanzaErrorCondition::not_acceptable);
  reply.root().child("error", xmpp::ns::client).add_child("blocked", xmpp::ns::blocking_errors);
  return reply;
}

}  // namespace server
