#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/blocking/block_table.h"
#include "server/pep/pep.h"
#include "server/presence/contact_list.h"
#include "server/presence/last_activity.h"
#include "server/roster/rosters.h"
#include "server/router/router.h"
#include "server/router/session_record.h"
#include "xmpp/jid.h"
#include "xmpp/shared_text.h"
#include "xmpp/stanza.h"

namespace server {

/// What presence needs of its node. All of it outlives every session.
struct PresenceServices {
  SessionDirectory& directory;
  Router& router;
  Rosters& rosters;
  LastActivities& last_activities;
  Pep& pep;
};

/// What of a session's presence moves with it.
struct PresenceState {
  xmpp::SharedText last{};                ///< As broadcast; empty while unavailable.
  std::optional<ContactList> contacts{};  ///< Once read.
  std::uint64_t version = 0;              ///< Of contacts, or of the latest push before them.
  std::vector<xmpp::Jid> directed{};      ///< Who else has been sent available presence.
  BlockTable::Hold blocked{};             ///< Whom the account blocks; null for nobody.
};

/// The presence of one session (RFC 6121 §3, §4): who is told that it is available, and what it is
/// told of others.
///
/// From initial presence on it holds who of the account's contacts sees whom, which the pushes of
/// Rosters keep true; so a change of presence, a probe and an end ask no database. While the roster
/// cannot be read the session is available to its own account alone, and it is read again until it
/// can.
///
/// Threads: lives on its session's loop. Made by make_shared: what it waits for may outlast the
/// session, and then does no more than carry out the requests that it took.
class SessionPresence : public std::enable_shared_from_this<SessionPresence> {
 public:
  /// `jid`, a full JID in the directory, and `record`, whose priority and availability are kept
  /// here, are the session's, and used until leave().
  SessionPresence(RoutedLoop& home, PresenceServices services, const xmpp::Jid& jid,
                  SessionRecord& record);

  /// Goes on where another loop's handed over; each place holds the block list for itself. The
  /// session's record says already that it is available.
  void resume(PresenceState state);

  /// Ends without a word to anybody: the session goes on elsewhere. Instead of leave().
  PresenceState hand_over();

  /// A presence stanza that the session's client sent, with `from` written. `to` is where it goes:
  /// the account itself when `has_to` is false.
  void on_sent(const xmpp::Stanza& stanza, bool has_to, const xmpp::Jid& to);

  /// A presence probe that was delivered to the session.
  void on_probe(const RoutedStanza& probe) const;

  /// What a roster push of this account says, wanted by the session's client or not.
  void on_push(xmpp::Element query);

  /// The account's block list may have changed: who is blocked sees the session no more, who is not
  /// any more sees it again (XEP-0191 §3.3, §3.4).
  void on_block_list();

  /// The account's avatar is another now; empty for none. Who sees the session is told (XEP-0398
  /// §5).
  void on_avatar(const std::string& hash);

  /// These sessions ended with their node, which told nobody: those that this one saw are now told
  /// to its client.
  void on_gone(const GoneSessions& gone);

  /// A node from which this one was cut off is back, with sessions: asks for their presence anew.
  void on_node_back(replication::NodeRef node);

  /// Tells those who have seen the session that it is gone. It is out of the directory already.
  /// The last call.
  void leave();

 private:
  struct Request {
    SubscriptionRequest kind;
    RoutedStanza as_sent;
    std::string as_forwarded;  // Between bare JIDs.
  };

  void become_available(const RoutedStanza& presence, std::int8_t priority);
  void become_unavailable(const RoutedStanza& presence);
  void send_directed(RoutedStanza presence);
  void queue_request(SubscriptionRequest kind, RoutedStanza sent, const xmpp::Stanza& stanza);
  asio::awaitable<void> carry_out_requests(xmpp::Jid account);

  asio::awaitable<void> photo_read(xmpp::Jid account);
  asio::awaitable<void> meet_contacts(xmpp::Jid account, std::uint64_t round);
  asio::awaitable<void> read_contacts_again(xmpp::Jid account, std::uint64_t round);
  asio::awaitable<std::optional<Roster>> read_roster(xmpp::Jid account, std::uint64_t round);
  void adopt(const Roster& roster);

  /// `give_up` is called where `work` ends by an exception.
  void spawn(asio::awaitable<void> work, void (SessionPresence::*give_up)() = nullptr);
  void drop_requests();
  void note_last_activity(const RoutedStanza& presence);
  void show_or_hide(std::string_view account, const BlockTable::Hold& before);
  void hide_directed();
  bool is_blocked(const xmpp::Jid& jid) const {
    return state_.blocked && state_.blocked->blocks(jid);
  }
  void broadcast(const RoutedStanza& presence);
  void tell(std::string_view account, const RoutedStanza& presence);
  void tell_client(RoutedStanza presence);
  void probe(std::string_view account, std::optional<replication::NodeRef> only_on = {});
  void refuse(RoutedStanza stanza, xmpp::StanzaErrorCondition condition);
  RoutedStanza own(std::string_view type, xmpp::SharedText xml) const;
  RoutedStanza unavailable() const;

  RoutedLoop& home_;
  const PresenceServices services_;
  const xmpp::Jid& jid_;
  SessionRecord& record_;

  PresenceState state_;
  std::string photo_;            // The hash of the account's avatar, once it is known.
  std::uint64_t round_ = 0;      // Counts initial presences: whose reading is still wanted.
  std::list<Request> requests_;  // The first one is being carried out.
  bool has_left_ = false;
};

}  // namespace server
