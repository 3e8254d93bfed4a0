#include "server/stream/resource_grant.h"

#include <string>

#include "server/stream/stream_opening.h"
#include "xmpp/namespaces.h"

namespace server {

std::variant<xmpp::Jid, xmpp::StanzaErrorCondition, NodeRefusal> grant_resource(
    const xmpp::Stanza& iq, std::string_view local, std::string_view domain,
    const StreamServices& services) {
  if (!services.accepts_sessions.load()) {
    return NodeRefusal{xmpp::StreamErrorCondition::system_shutdown,
                       "this node takes no new sessions"};
  }
  const LimitsConfig& limits = services.config.limits;
  if (services.sessions.load() >= limits.sessions_max) {
    return NodeRefusal{xmpp::StreamErrorCondition::resource_constraint, "this node is full"};
  }
  const xmpp::Element asked =
      iq.root().child("bind", xmpp::ns::bind).child("resource", xmpp::ns::bind);
  std::string resource(asked ? asked.text() : std::string());
  if (resource.empty()) resource = random_name();
  auto jid = xmpp::Jid::make(local, domain, resource);
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
