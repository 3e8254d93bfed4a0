#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/presence/session_presence.h"
#include "server/router/routed_stanza.h"
#include "server/router/session_record.h"
#include "server/session/iq_handlers.h"
#include "xmpp/jid.h"
#include "xmpp/stream_management.h"

namespace server {

/// 128 random bits that only the session's client knows (hardening E5).
using ResumeToken = std::array<char, 16>;

ResumeToken make_resume_token();

/// Takes the same time wherever they differ.
bool is_same(const ResumeToken& a, const ResumeToken& b);

/// The `id` of `<enabled/>` and `previd` of `<resume/>` (XEP-0198 §3, §5). The resource is in it:
/// who has logged in as the account finds the session by it, on any node.
std::string resume_id(const ResumeToken& token, std::string_view resource);

struct ResumeId {
  ResumeToken token{};
  std::string resource;
};
std::optional<ResumeId> parse_resume_id(std::string_view id);

/// All of a session that can be resumed but the stanzas that its client has not acknowledged.
struct SessionState {
  xmpp::Jid jid{};
  ResumeToken token{};
  SessionRecord record{};
  xmpp::StanzaCount handled = 0;  ///< Of the client's stanzas.
  xmpp::StanzaCount acked = 0;    ///< Of ours, by the client.
  SessionInterests interests{};
  PresenceState presence{};
};

/// From node to node: see docs/protocol.md. Contacts and addresses that would not fit a frame are
/// left out; the contacts are then read again.
std::string encode(const SessionState& state);
std::optional<SessionState> decode_session_state(std::string_view bytes);

}  // namespace server
