#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/pep/notify_filter.h"
#include "server/pep/pep.h"
#include "server/presence/last_activity.h"
#include "server/presence/session_presence.h"
#include "server/roster/block_lists.h"
#include "server/router/router.h"
#include "server/router/session_record.h"
#include "server/session/ack_exchange.h"
#include "server/session/held_back.h"
#include "server/session/iq_handlers.h"
#include "server/session/session_state.h"
#include "server/session/stream_output.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"
#include "xmpp/stanza_head.h"

namespace server {

/// What a session needs of its node. All of it outlives every session.
struct SessionServices {
  SessionDirectory& directory;
  Router& router;
  Rosters& rosters;
  BlockLists& blocks;
  LastActivities& last_activities;
  Pep& pep;
  CapsCache& caps;
  const IqHandlers& iq_handlers;
  std::chrono::milliseconds resume_time{0};  ///< `[limits] resume_time`; 0: no session is resumed.
};

/// What a client asks for together with its session (XEP-0386 §3.2).
struct SessionWishes {
  bool carbons = false;
  bool acks = false;        ///< XEP-0198 …
  bool resumption = false;  ///< … and that the session outlives its stream.
  bool is_inactive = false;
};

/// A bound stream and its state: its full JID, presence and acknowledgements.
///
/// Threads: lives on its loop.
class Session final : public Recipient {
 public:
  /// Binds `jid`, a full JID, in the cluster; the session that held it is displaced.
  Session(RoutedLoop& home, SessionServices services, StreamOutput& output, xmpp::Jid jid);

  /// Goes on where the session of another loop handed over, under the same full JID. What that had
  /// comes by take_copy() and take_forwarded(); what comes to this one meanwhile waits for
  /// arrived().
  Session(RoutedLoop& home, SessionServices services, StreamOutput& output, SessionState state);

  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const xmpp::Jid& jid() const { return jid_; }
  SessionId id() const { return record_.session; }
  StreamOutput& output() { return *output_; }
  RoutedLoop& home() { return home_; }

  /// A stanza that this session's client sent. A stanza with a foreign `from` ends the stream
  /// (RFC 6120 §8.1.2.1); all else is answered as a stanza.
  void on_stanza(xmpp::Stanza stanza);

  /// The same for a message of whose bytes the parser has read a head: nothing of it needs a tree,
  /// and it goes on byte for byte but for its addresses (hardening X14).
  void on_message(std::string_view bytes, const xmpp::StanzaHead& head);

  /// An element of XEP-0198. Returns false if it is none.
  bool on_management(const xmpp::Element& element);

  /// Fulfils what its client asked for as it bound. Returns what is to be said to the client of it:
  /// `<enabled/>` where it wants acks. Once, before anything is sent.
  std::string start_with(const SessionWishes& wishes);

  /// `<inactive/>` or `<active/>` (XEP-0352). Returns false if it is neither.
  bool on_client_state(const xmpp::Element& element);

  /// Sends a stanza to the client.
  bool deliver(const RoutedStanza& stanza) override;

  void displace() override;
  void on_gone(const GoneSessions& gone) override { presence_->on_gone(gone); }
  void on_block_list() override { presence_->on_block_list(); }
  void on_node_back(replication::NodeRef node) override { presence_->on_node_back(node); }

  /// Takes the session out of the directory: from now on nothing is delivered, and what the client
  /// has not acknowledged is still its own. Tells those who have seen its presence. Once.
  void leave();

  /// Gives up what the client has not acknowledged: routes it anew (XEP-0198 §4). After leave().
  void release_unacked();

  void settled(std::uint64_t number) override;
  void on_mail() override;
  void on_mail_delivered() override;
  void on_ack_tick() override;
  void on_archive_room() override;
  std::size_t queued_bytes() const override { return output_->queued_bytes(); }

  /// Asks the client to acknowledge what it got, if there is anything to ask for.
  void request_ack();

  /// `<a/>` for what has been handled so far, when the client uses XEP-0198: the last word on a
  /// stream that the server ends, so that the client knows exactly what to send again.
  void send_ack();

  bool uses_acks() const { return acks_ != nullptr; }
  std::size_t unacked() const;

  /// Whether the client may resume it: it has asked for that, and all else is as usual.
  bool is_resumable() const { return token_ != nullptr && !has_left_; }
  bool has_token(const ResumeToken& token) const { return token_ && is_same(*token_, token); }
  std::string resume_id() const { return server::resume_id(*token_, jid_.resource()); }
  AckExchange& acks() { return *acks_; }  ///< Of one that uses_acks().

  /// The stream is another one now, or `is_detached` stands for none.
  void set_output(StreamOutput& output, bool is_detached);

  /// Whether nothing of it is under way here: all that its client sent is safe.
  bool is_at_rest() const { return acks_->is_settled() && !mail_; }

  /// Whether what its former place had for it is still coming.
  bool is_arriving() const { return arrival_ != nullptr; }

  /// Ends here without a word to anybody, keeping its id on the loop, which is the caller's now.
  /// `copies` gets what the client has not acknowledged, oldest first. Then it is to be destroyed.
  SessionState hand_over(std::vector<RoutedStanza>& copies);

  /// A stanza that the former place had taken for the client; and one that came there later.
  void take_copy(const RoutedStanza& stanza) { write_now(stanza); }
  void take_forwarded(const RoutedStanza& stanza) { take(stanza); }
  void arrived(bool has_mail);

  /// While it is arriving: where the record that says that it is here stands in the node's log.
  replication::Position bound_position() const { return arrival_->bound; }

  /// Called for idle sessions: asks for a sign of life (XEP-0198 `<r/>` or an XEP-0199 ping).
  void ping();

 private:
  /// The account's stored messages are on their way here: they are older than what comes live,
  /// which therefore waits.
  struct MailPickUp {
    std::vector<RoutedStanza> held;
    bool has_more = false;  // More was stored meanwhile.
  };

  /// The former place has not sent all that it had: what comes here waits behind it.
  struct Arrival {
    std::vector<RoutedStanza> held;
    bool has_mail = false;
    std::optional<RoutedStanza> question;  // For the client, after all that.
    replication::Position bound = 0;
  };

  replication::Position bind();
  bool take(const RoutedStanza& stanza);
  bool has_had(const RoutedStanza& stanza);
  std::string enable_acks(bool is_resumable);
  void note_interests();
  bool is_own(std::string_view from) const;
  void on_checked(xmpp::Stanza stanza);
  void on_message(xmpp::Stanza stanza, xmpp::Jid to);
  void send_on(RoutedStanza message);
  bool is_archived(const RoutedStanza& message) const;
  bool wait_for_archive();
  bool takes_mail() const { return record_.is_available && record_.priority >= 0; }
  void on_iq(xmpp::Stanza stanza, bool has_to, xmpp::Jid to);
  void on_presence(const xmpp::Stanza& stanza, bool has_to, const xmpp::Jid& to);
  void answer_iq(xmpp::Stanza stanza, IqTarget target, xmpp::Jid to);
  bool take_push(const RoutedStanza& push);
  std::optional<RoutedStanza> caps_question(const xmpp::Stanza& presence);
  void on_caps(const xmpp::Stanza& presence, bool is_initial);
  bool wants_headline(const RoutedStanza& message);
  void note_avatar(const RoutedStanza& message);
  void send_last_items();
  RoutedStanza sent_by_client(const xmpp::Stanza& stanza, xmpp::Jid to) const;
  void reply_error(const xmpp::Stanza& stanza, xmpp::StanzaErrorCondition condition,
                   std::string_view text = {});
  void write(const RoutedStanza& stanza);
  void write_now(const RoutedStanza& stanza);
  void write_held_back();
  void count_sent(const RoutedStanza& stanza);
  static StanzaKind counted(xmpp::Stanza::Kind kind);

  RoutedLoop& home_;
  SessionServices services_;
  StreamOutput* output_;
  xmpp::Jid jid_;
  SessionRecord record_;
  std::shared_ptr<SessionPresence> presence_;
  std::unique_ptr<NotifyFilter> filter_;  // Once the client has said what it is.
  std::unique_ptr<AckExchange> acks_;     // Once the client has enabled XEP-0198.
  std::unique_ptr<MailPickUp> mail_;      // While it is picked up.
  std::unique_ptr<HeldBack> held_back_;   // While the client is inactive.
  std::unique_ptr<ResumeToken> token_;    // Once the client has asked to be able to resume it.
  std::unique_ptr<Arrival> arrival_;      // While it moves here.
  SessionInterests interests_;
  bool waits_for_archive_ = false;
  bool has_left_ = false;
};

}  // namespace server
