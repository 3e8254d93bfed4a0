#pragma once

#include <string_view>

#include "server/storage/message_id.h"
#include "xmpp/jid.h"
#include "xmpp/shared_text.h"

namespace server {

/// The message `xml`, which is whole and has content, with the id that it has in the archive of
/// `account` (XEP-0359). Nothing else of its bytes changes.
xmpp::SharedText with_stanza_id(std::string_view xml, const xmpp::Jid& account, MessageId id);

}  // namespace server
