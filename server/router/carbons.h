#pragma once

#include "server/router/routed_stanza.h"

namespace server {

/// Whose copy it is: of a message that came to an account, or that went from it (XEP-0280 §7, §8).
enum class CarbonKind { received, sent };

/// Whether an account's other clients get a copy of `message`: it is said to a person, and not
/// marked as private (XEP-0280 §6.1, §9; XEP-0334).
bool is_copied(const xmpp::Stanza& message);

/// The copy of `message` for the client `to`, in the name of its account (hardening S2). It is of
/// use to that client now or to nobody: it is not stored, and nobody waits for it.
RoutedStanza carbon_of(const xmpp::Stanza& message, CarbonKind kind, xmpp::Jid to);

}  // namespace server
