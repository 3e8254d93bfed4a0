#include "server/session/session_state.h"

#include <algorithm>
#include <utility>

#include "server/router/payload.h"
#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/scram.h"

namespace server {
namespace {

// A frame of a link takes 1 MiB, all in all.
constexpr std::size_t contacts_bytes_max = 256 << 10;
constexpr std::size_t directed_bytes_max = 256 << 10;

constexpr unsigned wants_roster = 1, has_contacts = 2, wants_blocking = 4;  // Flags.

void write(PayloadWriter& out, const PresenceState& presence, bool with_contacts) {
  out.blob(presence.last);
  out.number(presence.version, 8);
  out.blob(with_contacts ? std::string_view(presence.contacts->packed()) : std::string_view());
  std::size_t bytes = 0;
  std::size_t count = 0;
  for (const xmpp::Jid& to : presence.directed) {
    bytes += to.str().size() + 2;
    if (bytes > directed_bytes_max) break;
    ++count;
  }
  out.number(count, 2);
  for (std::size_t at = 0; at < count; ++at) out.text(presence.directed[at].str());
}

}  // namespace

ResumeToken make_resume_token() {
  ResumeToken token{};
  std::ranges::copy(xmpp::random_bytes(token.size()), token.begin());
  return token;
}

bool is_same(const ResumeToken& a, const ResumeToken& b) {
  unsigned differing = 0;
  for (std::size_t at = 0; at < a.size(); ++at) {
    differing |= static_cast<unsigned char>(a[at]) ^ static_cast<unsigned char>(b[at]);
  }
  return differing == 0;
}

std::string resume_id(const ResumeToken& token, std::string_view resource) {
  std::string whole(token.begin(), token.end());
  whole += resource;
  return xmpp::base64_encode(whole);
}

std::optional<ResumeId> parse_resume_id(std::string_view id) {
  const auto whole = xmpp::base64_decode(id);
  ResumeId parsed;
  if (!whole || whole->size() <= parsed.token.size()) return std::nullopt;
  std::copy_n(whole->begin(), parsed.token.size(), parsed.token.begin());
  parsed.resource = whole->substr(parsed.token.size());
  return parsed;
}

std::string encode(const SessionState& state) {
  std::string record;
  replication::Codec<SessionRecord>::encode(state.record, record);
  PayloadWriter out;
  out.text(state.jid.str());
  out.text({state.token.data(), state.token.size()});
  out.text(record);
  out.number(state.handled, 4);
  out.number(state.acked, 4);
  const PresenceState& presence = state.presence;
  const bool with_contacts =
      presence.contacts && presence.contacts->packed().size() <= contacts_bytes_max;
  out.number((state.interests.roster ? wants_roster : 0) | (with_contacts ? has_contacts : 0) |
                 (state.interests.blocking ? wants_blocking : 0),
             1);
  write(out, presence, with_contacts);
  return std::move(out).bytes();
}

std::optional<SessionState> decode_session_state(std::string_view bytes) {
  PayloadReader in(bytes);
  SessionState state;
  auto jid = xmpp::Jid::parse(in.text());
  const std::string_view token = in.text();
  if (!jid || !jid->is_full() || token.size() != state.token.size()) return std::nullopt;
  state.jid = *std::move(jid);
  std::ranges::copy(token, state.token.begin());
  if (!replication::Codec<SessionRecord>::decode(in.text(), state.record)) return std::nullopt;
  state.handled = static_cast<xmpp::StanzaCount>(in.number(4));
  state.acked = static_cast<xmpp::StanzaCount>(in.number(4));
  const std::uint64_t flags = in.number(1);
  state.interests = {.roster = (flags & wants_roster) != 0,
                     .blocking = (flags & wants_blocking) != 0,
                     .carbons = state.record.wants_carbons};
  state.presence.last = xmpp::SharedText(in.blob());
  state.presence.version = in.number(8);
  const std::string_view contacts = in.blob();
  if ((flags & has_contacts) != 0) state.presence.contacts = ContactList::unpacked(contacts);
  for (std::uint64_t count = in.number(2); count > 0; --count) {
    auto to = xmpp::Jid::parse(in.text());
    if (!to) return std::nullopt;
    state.presence.directed.push_back(*std::move(to));
  }
  if (in.failed()) return std::nullopt;
  return state;
}

}  // namespace server
