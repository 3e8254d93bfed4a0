#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "server/router/session_record.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

namespace server {

struct RoutedLoop;

/// Whom an IQ that the server answers itself was sent to.
enum class IqTarget {
  server,   ///< the domain
  account,  ///< the sender's own bare JID, or nobody (RFC 6120 §8.1.1.1)
  contact,  ///< another account's bare JID; whether it exists is not known
};

/// What news of its account a session's client has asked for.
struct SessionInterests {
  bool roster = false;    ///< RFC 6121 §2.2: it has requested the roster.
  bool blocking = false;  ///< XEP-0191 §3.2: it has requested the block list.
  bool carbons = false;   ///< XEP-0280: copies of what the account's other clients say and hear.
};

/// An IQ `get` or `set` with its one payload. A handler that waits keeps a copy.
struct IqRequest {
  xmpp::Jid from;  ///< A full JID of this server.
  xmpp::Jid to;    ///< Bare, but for what is asked of a contact's session (XEP-0012).
  std::shared_ptr<const xmpp::Stanza> iq;
  xmpp::Element payload;  ///< Of `iq`.
  IqTarget target;

  /// Sends the answer: once, from the loop that called the handler, now or later.
  std::function<void(const xmpp::Stanza&)> reply;

  void refuse(xmpp::StanzaErrorCondition condition) const { reply(iq->error_reply(condition)); }

  RoutedLoop& home;             ///< The loop that called.
  SessionId session;            ///< The session that asks, there; it may be gone when it is told.
  SessionInterests& interests;  ///< Of the session that asks. For the call of the handler only.
};

/// A feature or an identity that disco#info shows (XEP-0030).
struct DiscoIdentity {
  std::string category, type, name;
};

/// What the server's modules answer, by payload. Filled at start, then immutable: [any loop].
class IqHandlers {
 public:
  using Handler = std::function<void(const IqRequest&)>;

  /// `type` is `get` or `set`; `name` and `ns` are those of the payload.
  void handle(IqTarget target, std::string type, std::string ns, std::string name, Handler handler);

  /// Adds to what disco#info of `target` shows.
  void add_feature(IqTarget target, std::string ns);
  void add_identity(IqTarget target, DiscoIdentity identity);

  /// Null when no module handles it.
  const Handler* find(IqTarget target, std::string_view type, std::string_view ns,
                      std::string_view name) const;

  const std::vector<std::string>& features(IqTarget target) const;
  const std::vector<DiscoIdentity>& identities(IqTarget target) const;

 private:
  using Key = std::tuple<IqTarget, std::string, std::string, std::string>;
  std::map<Key, Handler, std::less<>> handlers_;
  std::map<IqTarget, std::vector<std::string>> features_;
  std::map<IqTarget, std::vector<DiscoIdentity>> identities_;
};

}  // namespace server
