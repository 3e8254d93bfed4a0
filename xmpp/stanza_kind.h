#pragma once

#include <cstdint>

namespace xmpp {

/// What a first-level element of a stream is; `other` is no stanza.
enum class StanzaKind : std::uint8_t { message, presence, iq, other };

}  // namespace xmpp
