#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/router/fate_reports.h"
#include "server/router/offline_desk.h"
#include "server/router/recent_acks.h"
#include "server/router/routed_stanza.h"

namespace server {

class Router;
struct RoutedLoop;

/// The messages for which one loop answers: those that its clients with XEP-0198 sent, and those
/// that it took out of the offline store. It does so until a client has acknowledged one, or it is
/// stored and nobody is there to have it, or its sender was told that it cannot be delivered.
///
/// A message is *settled*, and its sender may be told that it is safe, when one of these is so, or
/// when it is stored: which it is after a second. One that is archived is settled when it is in the
/// archives, and not before. Design: docs/design/0011-acknowledged-is-safe.md, 0015-archive.md
///
/// Threads: lives on its loop.
class Settlement {
 public:
  /// `holder` names this node in `store`, which outlives the loop.
  Settlement(Router& router, RoutedLoop& home, OfflineStore& store, std::string holder);

  /// A message from a client of this loop begins its way. Its sender hears of its end by
  /// Recipient::settled(), once. Before it is routed. `is_archiving`: it is on its way into the
  /// archives, and on_archived() follows.
  void begin(RoutedStanza& stanza, SessionId sender, bool is_archiving = false);

  /// The message is in the archives of those who want it: is its recipient one of them?
  void on_archived(std::uint64_t number, bool is_in_recipients);

  /// A copy of the message goes to a session of `node`.
  void handed(const Ticket& ticket, replication::NodeRef node);

  void on_fate(std::uint64_t number, CopyFate fate, replication::NodeRef node);

  /// A copy has moved with its session.
  void on_moved(std::uint64_t number, replication::NodeRef from, replication::NodeRef to);

  /// Nobody is there to have `stanza`: stores it, or tells its sender why not.
  void keep(const RoutedStanza& stanza);

  /// What was sent to the account before is on its way into the store: then takes `stanza`, which
  /// would else be the first to arrive, and routes it afterwards.
  bool holds_back(const RoutedStanza& stanza);

  /// A client of this loop has acknowledged a message for which another node answers.
  void acked_for_another_node(MessageId id);

  /// Whether a client of this loop has acknowledged it to another node lately, which may be gone.
  [[nodiscard]] bool was_acked(MessageId id) const { return acked_elsewhere_.has(id); }

  /// A client on another loop or node had a message whose loop is gone: it may be stored.
  void forget(const RoutedStanza& stanza);

  /// Delivers what waits for `account` to one of its sessions, which is on this loop; then calls
  /// its Recipient::on_mail_delivered().
  void pick_up(const xmpp::Jid& account, SessionId session);

  /// All copies that went to `node` are lost.
  void on_node_gone(replication::NodeRef node);

  /// Stores all that is not settled, and calls `done` when that is done or has failed. From now on
  /// nothing is routed anew: the node ends, and the others will deliver it.
  void store_all(std::function<void()> done);

  /// Calls the session's Recipient::on_ack_tick() at the loop's next tick.
  void tick_later(SessionId session) { ticking_.push_back(session); }

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Stored { no, begun, yes };
  enum class Archived { no, begun, yes };

  struct Entry {
    RoutedStanza stanza;
    SessionId sender = 0;                         // Who waits to be told; 0 for nobody.
    std::vector<replication::NodeRef> holders{};  // Where the copies are.
    Stored stored = Stored::no;
    Archived archived = Archived::no;
    bool is_over = false;      // Nothing is left to do but to tell its sender, once archived.
    bool is_unwanted = false;  // All copies are lost, and nobody else is there.
  };
  using Entries = std::unordered_map<std::uint64_t, Entry>;

  Entries::iterator add(RoutedStanza& stanza);
  void tell_sender(std::uint64_t number, Entry& entry);
  void end(Entries::iterator entry);
  void on_no_copies(Entries::iterator entry);
  void store(Entries::iterator entry);
  void on_stored(std::uint64_t number, bool was_held, boost::system::error_code error,
                 OfflineOutcome outcome);
  void release(const RoutedStanza& stanza);
  void begin_storing(const xmpp::Jid& account);
  void end_storing(const xmpp::Jid& account);
  void refuse(const RoutedStanza& stanza, boost::system::error_code error, OfflineOutcome outcome);
  void deliver(const OfflineMessage& message, SessionId session);
  void look_for_late_comers();
  bool is_idle() const;
  void on_tick();

  Router& router_;
  RoutedLoop& home_;
  OfflineDesk desk_;
  std::uint64_t last_number_ = 0;
  Entries entries_;
  std::deque<std::pair<Clock::time_point, std::uint64_t>> young_;  // Not looked at yet, by age.
  std::function<void()> all_stored_;
  bool is_ending_ = false;
  std::vector<SessionId> ticking_;
  RecentAcks acked_elsewhere_;

  // By bare JID: how many of an account's messages are on their way into the store, and what was
  // sent to it since. One with none stays for a while: what was stored has not been offered.
  struct Storing {
    std::size_t messages = 0;
    std::vector<RoutedStanza> held;
  };
  std::unordered_map<std::string, Storing> storing_;

  // For whom something was stored: one of their clients may have come while it was.
  std::vector<xmpp::Jid> stored_for_, stored_for_before_;
};

}  // namespace server
