#pragma once

#include <string_view>

#include "xmpp/shared_text.h"

namespace server {

/// An available presence as it goes out of an account whose avatar has this SHA-1 (XEP-0398 §5,
/// XEP-0153), in the place of `former` or of what the client says. Without a hash only `former` is
/// taken out. Where the client says that it knows of no photo, by an empty `<photo/>`, nothing is
/// changed.
xmpp::SharedText with_photo_hash(const xmpp::SharedText& presence, std::string_view hash,
                                 std::string_view former = {});

}  // namespace server
