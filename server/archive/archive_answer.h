#pragma once

#include <optional>
#include <string>

#include "server/archive/archive_query.h"
#include "server/router/routed_stanza.h"

namespace server {

/// An archived message as the result of a query, for the client `to`, in the name of its account.
/// Empty when what is stored is no message any more (hardening X15).
///
/// It is that client's alone: nobody waits for its ack, and where the client is gone so is it.
std::optional<RoutedStanza> archive_result(const xmpp::Jid& to, const std::string& query_id,
                                           const ArchivePage::Message& message);

/// The end of the answer (XEP-0313 §4.3): which page it was.
xmpp::Stanza archive_fin(const xmpp::Stanza& iq, const ArchiveQuery& query,
                         const ArchivePage& page);

/// What an archive holds (XEP-0313 §5); nothing for an empty one.
xmpp::Stanza archive_metadata(const xmpp::Stanza& iq, const std::optional<ArchiveEnds>& ends);

}  // namespace server
