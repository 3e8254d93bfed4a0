#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/router/routed_stanza.h"
#include "server/storage/offline_store.h"

namespace server {

/// Whether a message is of a type that may be stored for later: `chat` or `normal`, which is also
/// what an absent or unknown type means (XEP-0160 §3, RFC 6121 §5.2.2).
bool may_be_stored(const RoutedStanza& stanza);

/// Whether its content is worth it, too: a message that only tells what its sender is about to do
/// (XEP-0085) is of no use later; what its sender says of it, `<store/>` or `<no-store/>`, is
/// obeyed (XEP-0334).
bool is_worth_storing(std::string_view xml);

/// The same for the archive (XEP-0313): not what is only not to be kept for good, either
/// (XEP-0334). Receipts and markers are: they tell other clients what has been read.
bool is_worth_archiving(std::string_view xml);

/// A stored message on its way to its account, stamped with the time when it was stored (XEP-0203).
/// Empty when its bytes are no message any more (hardening X15).
std::optional<RoutedStanza> restored(const OfflineMessage& message);

}  // namespace server
