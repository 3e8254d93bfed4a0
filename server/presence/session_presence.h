#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/router/router.h"
#include "server/router/session_record.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

namespace server {

/// Whose presence it is: what each call of SessionPresence needs of its session and node.
struct PresenceOwner {
  RoutedLoop& home;
  SessionDirectory& directory;
  Router& router;
  const xmpp::Jid& jid;   ///< A full JID.
  SessionRecord& record;  ///< Its priority and availability are kept here, and in the directory.
};

/// The presence of one session: what it last told everybody, and whom it told more.
///
/// Threads: lives on its session's loop.
class SessionPresence {
 public:
  /// A presence stanza that the session's client sent, with `from` written. `to` is where it goes:
  /// the account itself when `has_to` is false. Returns the error to answer with, if any.
  std::optional<xmpp::StanzaErrorCondition> on_sent(const PresenceOwner& owner,
                                                    const xmpp::Stanza& stanza, bool has_to,
                                                    xmpp::Jid to);

  /// A presence probe that was delivered to the session.
  void on_probe(const PresenceOwner& owner, const RoutedStanza& probe) const;

  /// Tells those who have seen the session that it is gone. It is out of the directory already.
  void leave(const PresenceOwner& owner);

 private:
  void become_available(const PresenceOwner& owner, const xmpp::Stanza& stanza);
  void become_unavailable(const PresenceOwner& owner, const xmpp::Stanza& stanza);

  std::shared_ptr<const std::string> last_;  // As broadcast; null while unavailable.
  std::vector<xmpp::Jid> directed_;          // Who else has been sent available presence.
};

}  // namespace server
