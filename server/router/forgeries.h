#pragma once

#include <string_view>

#include "xmpp/stanza.h"

namespace server {

class Router;

/// Whether a client's message may hold what only its server says to a client; also where a
/// namespace is written with character references. What this lets pass needs no tree.
bool may_hold_forgery(std::string_view xml);

/// Takes out of a client's message what would pass for the server's own: copies (XEP-0280,
/// hardening S2), archive results (XEP-0313, S9), and ids in the name of whom `router` serves
/// (XEP-0359, S5).
void remove_forgeries(xmpp::Stanza& message, const Router& router);

}  // namespace server
