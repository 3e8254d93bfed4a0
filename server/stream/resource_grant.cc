#include "server/stream/resource_grant.h"

#include <openssl/evp.h>

#include <array>
#include <string>

#include "server/stream/stream_opening.h"

namespace server {
namespace {

constexpr std::size_t made_bytes = 12;  // Two clients of one account never get the same.

}  // namespace

std::string made_resource(std::string_view tag, std::string_view client, std::string_view account) {
  std::string made = random_name();
  if (!client.empty()) {
    // 122 random bits that nobody finds by trying need no key to stay hidden. The same on all nodes
    // and after a restart: so the session that the client has left behind gives way to this one.
    std::string text = "meerkat resource";
    text.append(1, '\0').append(account).append(1, '\0').append(client);
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned int size = 0;
    EVP_Digest(text.data(), text.size(), hash.data(), &size, EVP_sha256(), nullptr);
    made = hexadecimal({reinterpret_cast<const char*>(hash.data()), made_bytes});
  }
  return tag.empty() ? made : std::string(tag) + "/" + made;
}

std::variant<xmpp::Jid, xmpp::StanzaErrorCondition, NodeRefusal> grant_resource(
    std::string_view resource, std::string_view local, std::string_view domain,
    const StreamServices& services) {
  if (!services.accepts_sessions.load()) {
    return NodeRefusal{xmpp::StreamErrorCondition::system_shutdown,
                       "this node takes no new sessions"};
  }
  const LimitsConfig& limits = services.config.limits;
  if (services.sessions.load() >= limits.sessions_max) {
    return NodeRefusal{xmpp::StreamErrorCondition::resource_constraint, "this node is full"};
  }
  std::string name(resource);
  if (name.empty()) name = random_name();
  auto jid = xmpp::Jid::make(local, domain, name);
  if (!jid) return xmpp::StanzaErrorCondition::bad_request;
  // Hardening, Limits: resources an account, in the cluster. A full JID that is bound already
  // counts as the one that it replaces.
  const SessionDirectory& directory = services.session.directory;
  // One that waits for its client has a bound of its own: DetachedSessions.
  std::size_t others = 0;
  for (const auto& entry : directory.find_all(jid->bare_str())) {
    if (!entry.record.is_detached) ++others;
  }
  const auto held = directory.find(*jid);
  if (held && !held->record.is_detached) --others;
  if (others >= limits.resources_max) return xmpp::StanzaErrorCondition::resource_constraint;
  return *std::move(jid);
}

}  // namespace server
