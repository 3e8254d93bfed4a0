#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/blocking/block_table.h"
#include "server/loop/loop.h"
#include "server/metrics/loop_counters.h"
#include "server/router/archive_desk.h"
#include "server/router/fate_reports.h"
#include "server/router/message_ids.h"
#include "server/router/route_flush.h"
#include "server/router/routed_stanza.h"
#include "server/router/session_directory.h"
#include "server/router/settlement.h"

namespace replication {
class Node;
}

namespace server {

/// Available sessions that ended with their node, by bare JID.
struct HashOfText {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
using GoneSessions =
    std::unordered_map<std::string, std::vector<xmpp::Jid>, HashOfText, std::equal_to<>>;

/// What a stanza can be delivered to: a session, as the router sees it. Lives on its loop.
class Recipient {
 public:
  /// False when it is ending and has not taken the stanza.
  virtual bool deliver(const RoutedStanza& stanza) = 0;

  /// A message that the session's client sent is safe; see Settlement.
  virtual void settled(std::uint64_t number) = 0;

  /// Something waits for the session's account in the offline store.
  virtual void on_mail() = 0;

  /// What Settlement::pick_up() found has been delivered.
  virtual void on_mail_delivered() = 0;

  /// Comes once after Settlement::tick_later().
  virtual void on_ack_tick() = 0;

  /// Comes once after ArchiveDesk::tell_of_room().
  virtual void on_archive_room() {}

  /// What waits to be written to its client.
  virtual std::size_t queued_bytes() const { return 0; }

  /// Another session has been bound to its full JID: it ends with `<conflict/>`.
  virtual void displace() = 0;

  /// These sessions of others ended and could not tell so themselves.
  virtual void on_gone(const GoneSessions& /*gone*/) {}

  /// The block list of its account may have changed.
  virtual void on_block_list() {}

  /// A node whose sessions had been taken for gone is back with them.
  virtual void on_node_back(replication::NodeRef /*node*/) {}

 protected:
  ~Recipient() = default;
};

/// Takes what other loops, of this or another node, say of sessions that move between them and one
/// loop: see SessionMoves. Lives on that loop.
class MoveMessages {
 public:
  virtual void on_message(replication::NodeRef from, std::string_view message) = 0;
  virtual void on_node_gone(replication::NodeRef node) = 0;

 protected:
  ~MoveMessages() = default;
};

/// The sessions of one loop, by id. Lives on that loop.
class LoopSessions {
 public:
  SessionId add(Recipient* session);
  void remove(SessionId id);
  /// From now on `id` names `successor`.
  void replace(SessionId id, Recipient* successor);
  Recipient* find(SessionId id) const;
  std::size_t size() const { return size_; }

  /// For walks that let the loop do other things between: sessions may come and go meanwhile.
  std::size_t slots() const { return slots_.size(); }
  Recipient* at(std::size_t slot) const { return slots_[slot].session; }

 private:
  struct Slot {
    Recipient* session = nullptr;
    std::uint32_t uses = 0;
  };
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t size_ = 0;
};

/// A loop with what the router keeps for it.
struct RoutedLoop {
  explicit RoutedLoop(std::size_t index) : loop(index) {}

  Loop loop;
  LoopSessions sessions;
  LoopCounters counters;
  MessageIds ids;
  std::unique_ptr<ArchiveDesk> archive;    // None: no message is archived.
  std::shared_ptr<FateReports> reports;    // Made by Router::set_loops(), …
  std::unique_ptr<RouteFlush> flush;       // … and this one, too.
  MoveMessages* moves = nullptr;           // None: no session moves from here or to here.
  std::unique_ptr<Settlement> settlement;  // None: nothing is stored, and no message is tracked.
};

/// Takes each stanza to the sessions that RFC 6121 §8.5 says should have it, on this loop, on
/// another or on another node; and when there is none, answers as it says. Only reads local memory.
///
/// Nothing passes route() or tell() between two of whom one blocks the other (XEP-0191, hardening
/// S12): it is neither delivered, copied nor stored. What an account without a session blocks is
/// for the offline store to look up.
///
/// A loop's mailbox that is full refuses stanzas: the sender gets `resource-constraint`; what
/// expects no error, like an answer or presence, is dropped and counted.
///
/// Threads: [any loop]; `here` is the loop that calls, or null on the link thread.
class Router {
 public:
  Router(std::vector<std::string> domains, SessionDirectory& directory, replication::Node& node);

  /// A stanza that found its session gone so often meets a storm of reconnects.
  static constexpr std::uint8_t reroutes_max = 3;

  /// Before anything is routed.
  void set_loops(std::vector<std::unique_ptr<RoutedLoop>>& loops);

  bool serves(std::string_view domain) const;

  /// Ends a session of this node that lost its full JID to a later one. [any thread]
  void displace(const SessionAddress& address);

  /// Routes a stanza to an account or a session of a served domain, or bounces it for other
  /// domains.
  void route(const RoutedStanza& stanza, RoutedLoop* here);

  /// Takes presence or a notification to the available sessions of an account, a bare JID; to those
  /// of them that are `wanted`, if it says. `to` is written by it: the text of `stanza` has none.
  using Wanted = std::function<bool(const SessionAddress&)>;
  void tell(std::string_view account, RoutedStanza stanza, RoutedLoop* here,
            const Wanted& wanted = nullptr);

  /// Sends each session of `account` an iq of type set in the account's own name, which only the
  /// server can: news of what it keeps.
  void push(const xmpp::Jid& account, std::string_view id, std::string_view payload,
            RoutedLoop* here);

  /// The block lists by which it goes.
  BlockTable& blocks() { return blocks_; }

  /// The account's block list may be another: tells its sessions of this node, until which `list`
  /// is held. [any thread]
  void tell_of_block_list(const std::string& account, const BlockTable::Hold& list);

  /// Delivers to one session, past the rules: for a session's own state and for answers.
  void deliver(const SessionAddress& address, const RoutedStanza& stanza, RoutedLoop* here);

  /// A session ended before it took `stanza`: routes it as if the session had never been there.
  void undeliverable(RoutedStanza stanza, RoutedLoop* here);

  /// Answers `stanza` with an error; answers and errors are never answered (RFC 6120 §8.3.1).
  void bounce(const RoutedStanza& stanza, xmpp::StanzaErrorCondition condition, RoutedLoop* here);

  /// Says what has become of a copy to the loop that answers for the message.
  void settle(const RoutedStanza& stanza, CopyFate fate, RoutedLoop* here);

  /// Takes a loop's report to whom it is for; false when the link's queue is full.
  bool report(replication::NodeRef node, FateReport& report);

  /// Takes `message` to the MoveMessages of a loop. False when the link does not take it.
  bool send_move(replication::NodeRef node, std::uint16_t loop, std::string_view message);

  /// Sends out what RouteFlush waits for; returns the nodes that will answer, this one among them.
  std::vector<replication::NodeRef> send_echo(std::uint16_t loop, std::uint64_t round);

  /// A node's name that holds on other nodes, too; and the other way round: nullopt when this node
  /// has never been linked with it.
  const replication::NodeId& id_of(replication::NodeRef node) const;
  std::optional<replication::NodeRef> ref_of(const replication::NodeId& id) const;

  /// Tells one of the account's clients, if there is one, that something waits for it: before
  /// anything that is routed to it from here later.
  void offer_mail(const xmpp::Jid& account, RoutedLoop* here);

  /// A message from another node, on the link thread.
  void on_arrival(replication::NodeRef from, std::string_view payload);

  /// Messages given back because their node is gone, on the link thread.
  void on_undelivered(std::string_view payload);

  /// A node is gone, and with it what its sessions had not acknowledged. [any thread]
  void on_node_gone(replication::NodeRef node);

  /// What happened on the link thread, which is no loop but has its own counts.
  const LoopCounters& link_counters() const { return link_counters_; }

 private:
  void hand_out(const SessionAddress& address, const RoutedStanza& stanza, RoutedLoop* here);
  void deliver_here(RoutedLoop& home, const SessionAddress& address, const RoutedStanza& stanza);
  bool refuse_blocked(const RoutedStanza& stanza, RoutedLoop* here);
  void answer(const RoutedStanza& stanza, const xmpp::Stanza& error, RoutedLoop* here);
  void on_mail(const SessionAddress& address, RoutedLoop* here);
  void on_fates(replication::NodeRef from, FateReport report);
  void on_moved(replication::NodeRef from, std::string_view payload);
  void on_move(replication::NodeRef from, std::string_view payload);
  void on_echo(replication::NodeRef from, std::string_view payload);
  void on_echoed(replication::NodeRef from, std::string_view payload);
  void pass_loops(std::size_t index, std::function<void()> done);
  void route_to_account(const RoutedStanza& stanza, RoutedLoop* here);
  void route_to_session(const RoutedStanza& stanza, RoutedLoop* here);
  void send_carbons(const RoutedStanza& message, std::span<const SessionAddress> had,
                    RoutedLoop* here);
  void no_recipient(const RoutedStanza& stanza, RoutedLoop* here);
  void mailbox_full(const RoutedStanza& stanza, RoutedLoop* here);
  RoutedLoop& loop_at(std::size_t index) const { return *(*loops_)[index % loops_->size()]; }
  LoopCounters& counters(RoutedLoop* here) {
    return here != nullptr ? here->counters : link_counters_;
  }

  std::vector<std::string> domains_;
  SessionDirectory& directory_;
  replication::Node& node_;
  BlockTable blocks_;
  std::vector<std::unique_ptr<RoutedLoop>>* loops_ = nullptr;
  LoopCounters link_counters_;
};

}  // namespace server
