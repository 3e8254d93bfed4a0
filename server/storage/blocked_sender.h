#pragma once

#include <string_view>

#include "server/storage/sql.h"
#include "xmpp/jid.h"

namespace server {

/// Whether the account blocks `sender` (XEP-0191), for a transaction that stores what it sent. A
/// list that cannot be read blocks nobody.
bool blocks(SqlConnection& db, std::string_view local, std::string_view domain,
            const xmpp::Jid& sender);

}  // namespace server
