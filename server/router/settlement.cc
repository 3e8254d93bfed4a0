#include "server/router/settlement.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "server/router/router.h"
#include "server/router/stored_message.h"
#include "xmpp/stanza_error.h"

namespace server {
namespace {

// Most clients acknowledge within one; what takes longer is stored, so that its sender's wait ends.
constexpr auto unstored_max = std::chrono::seconds(1);

// An account's, while others are stored; more are not held back.
constexpr std::size_t held_max = 500;

}  // namespace

Settlement::Settlement(Router& router, RoutedLoop& home, OfflineStore& store, std::string holder)
    : router_(router), home_(home), desk_(home.loop, store, std::move(holder)) {
  home_.loop.on_tick([this] { on_tick(); });
  if (!home_.archive) return;
  home_.archive->on_written(
      [this](std::uint64_t number, ArchivedFor where) { on_archived(number, where.recipient); });
  home_.archive->on_room([this](SessionId session) {
    if (Recipient* sender = home_.sessions.find(session)) sender->on_archive_room();
  });
}

Settlement::Entries::iterator Settlement::add(RoutedStanza& stanza) {
  stanza.ticket = {.node = replication::self_ref,
                   .loop = static_cast<std::uint16_t>(home_.loop.index()),
                   .number = ++last_number_};
  return entries_.emplace(last_number_, Entry{.stanza = stanza}).first;
}

void Settlement::begin(RoutedStanza& stanza, SessionId sender, bool is_archiving) {
  Entry& entry = add(stanza)->second;
  entry.sender = sender;
  if (is_archiving) {
    entry.archived = Archived::begun;
  } else {
    young_.emplace_back(home_.loop.now(), last_number_);
  }
}

void Settlement::on_archived(std::uint64_t number, bool is_in_recipients) {
  const auto entry = entries_.find(number);
  assert(entry != entries_.end());  // Nothing ends before.
  entry->second.archived = is_in_recipients ? Archived::yes : Archived::no;
  if (entry->second.is_over) return end(entry);
  if (is_in_recipients) tell_sender(number, entry->second);
  if (entry->second.is_unwanted) return store(entry);
  // What its recipient does not want to have archived is safe when it is stored, as any other.
  if (!is_in_recipients) young_.emplace_back(home_.loop.now() - unstored_max, number);
}

void Settlement::handed(const Ticket& ticket, replication::NodeRef node) {
  const auto entry = entries_.find(ticket.number);
  if (entry != entries_.end()) entry->second.holders.push_back(node);
}

void Settlement::tell_sender(std::uint64_t number, Entry& entry) {
  if (entry.archived == Archived::begun) return;  // on_archived() does.
  const SessionId sender = std::exchange(entry.sender, 0);
  if (sender == 0) return;
  if (Recipient* session = home_.sessions.find(sender)) session->settled(number);
}

void Settlement::end(Entries::iterator entry) {
  if (entry->second.archived == Archived::begun) {
    entry->second.is_over = true;
    entry->second.holders.clear();
    return;
  }
  tell_sender(entry->first, entry->second);
  entries_.erase(entry);
}

void Settlement::on_fate(std::uint64_t number, CopyFate fate, replication::NodeRef node) {
  const auto entry = entries_.find(number);
  if (entry == entries_.end() || entry->second.is_over) return;  // Another copy was faster.
  if (fate == CopyFate::acked) {
    const RoutedStanza& stanza = entry->second.stanza;
    if (entry->second.stored != Stored::no) desk_.remove(stanza.to.bare(), stanza.id);
    if (stanza.is_restored) home_.counters.offline_messages.add(OfflineEvent::delivered);
    return end(entry);
  }
  if (fate == CopyFate::bounced) return end(entry);
  auto& holders = entry->second.holders;
  const auto holder = std::ranges::find(holders, node);
  if (holder == holders.end()) return;
  holders.erase(holder);
  if (holders.empty()) on_no_copies(entry);
}

void Settlement::on_moved(std::uint64_t number, replication::NodeRef from,
                          replication::NodeRef to) {
  const auto entry = entries_.find(number);
  if (entry == entries_.end()) return;  // Another copy was faster.
  auto& holders = entry->second.holders;
  // Where `from` is gone, the message was routed anew, and its session has that copy, too.
  if (const auto holder = std::ranges::find(holders, from); holder != holders.end()) *holder = to;
}

void Settlement::on_no_copies(Entries::iterator entry) {
  // Through the mailbox: the caller may be in the middle of ending the session that had the copy.
  ++entry->second.stanza.reroutes;
  home_.loop.post([this, number = entry->first] {
    const auto found = entries_.find(number);
    if (found == entries_.end() || found->second.is_over) return;
    const RoutedStanza stanza = found->second.stanza;
    // One that found its session gone so often meets a storm of reconnects, and better waits.
    if (is_ending_ || stanza.reroutes > Router::reroutes_max) return keep(stanza);
    router_.route(stanza, &home_);
  });
}

void Settlement::keep(const RoutedStanza& stanza) {
  const auto entry = entries_.find(stanza.ticket.number);
  const xmpp::Jid account = stanza.to.bare();
  if (entry == entries_.end()) {  // A client without XEP-0198 sent it, or its loop is gone.
    if (!is_worth_storing(stanza.xml)) return refuse(stanza, {}, OfflineOutcome::no_account);
    begin_storing(account);
    return desk_.keep(account, stanza.from, stanza.id ? stanza.id : home_.ids.next(), stanza.xml,
                      false,
                      [this, stanza](boost::system::error_code error, OfflineOutcome outcome) {
                        end_storing(stanza.to.bare());
                        refuse(stanza, error, outcome);
                      });
  }
  const bool was_unwanted = std::exchange(entry->second.is_unwanted, true);
  switch (entry->second.stored) {
    case Stored::yes:
      release(stanza);
      return end(entry);
    case Stored::begun:
      return;
    case Stored::no:
      if (!is_worth_storing(stanza.xml)) return refuse(stanza, {}, OfflineOutcome::no_account);
      if (entry->second.archived == Archived::begun) {
        // Both go by one database: once that has it in the archive, it takes it here, too.
        if (!was_unwanted) begin_storing(account);
        return;
      }
      begin_storing(account);
      return store(entry);
  }
}

void Settlement::release(const RoutedStanza& stanza) {
  const xmpp::Jid account = stanza.to.bare();
  begin_storing(account);
  desk_.release(account, stanza.id, [this, account] { end_storing(account); });
}

void Settlement::begin_storing(const xmpp::Jid& account) {
  ++storing_[std::string(account.bare_str())].messages;
}

void Settlement::end_storing(const xmpp::Jid& account) {
  const auto storing = storing_.find(std::string(account.bare_str()));
  if (--storing->second.messages > 0) return;
  stored_for_.push_back(account);
  const std::vector<RoutedStanza> held = std::exchange(storing->second.held, {});
  for (const RoutedStanza& stanza : held) router_.route(stanza, &home_);
}

bool Settlement::holds_back(const RoutedStanza& stanza) {
  if (storing_.empty()) return false;
  const auto storing = storing_.find(std::string(stanza.to.bare_str()));
  if (storing == storing_.end()) return false;
  if (storing->second.messages == 0) {
    // A session that has heard of what is stored lets nothing pass it.
    storing_.erase(storing);
    router_.offer_mail(stanza.to.bare(), &home_);
    return false;
  }
  if (storing->second.held.size() >= held_max) return false;
  storing->second.held.push_back(stanza);
  return true;
}

void Settlement::acked_for_another_node(MessageId id) {
  acked_elsewhere_.add(id, home_.loop.now());
}

void Settlement::forget(const RoutedStanza& stanza) {
  if (stanza.id) desk_.remove(stanza.to.bare(), stanza.id);
}

// Tells the sender what could not be stored; and counts what was.
void Settlement::refuse(const RoutedStanza& stanza, boost::system::error_code error,
                        OfflineOutcome outcome) {
  auto& counted = home_.counters.offline_messages;
  if (error) {
    // design.md G5: said rather than dropped; it is worth trying again.
    counted.add(OfflineEvent::failed);
    return router_.bounce(stanza, xmpp::StanzaErrorCondition::resource_constraint, &home_);
  }
  if (outcome == OfflineOutcome::done) return counted.add(OfflineEvent::stored);
  // RFC 6121 §8.5.2.2.1. Unknown accounts and full ones answer alike (hardening S11).
  counted.add(OfflineEvent::refused);
  router_.bounce(stanza, xmpp::StanzaErrorCondition::service_unavailable, &home_);
}

void Settlement::store(Entries::iterator entry) {
  const RoutedStanza& stanza = entry->second.stanza;
  const bool is_held = !entry->second.is_unwanted;
  entry->second.stored = Stored::begun;
  desk_.keep(stanza.to.bare(), stanza.from, stanza.id, stanza.xml, is_held,
             [this, number = entry->first, is_held, account = stanza.to.bare()](
                 boost::system::error_code error, OfflineOutcome outcome) {
               if (!is_held) end_storing(account);
               on_stored(number, is_held, error, outcome);
             });
}

void Settlement::on_stored(std::uint64_t number, bool was_held, boost::system::error_code error,
                           OfflineOutcome outcome) {
  const auto entry = entries_.find(number);
  if (entry == entries_.end()) return;  // Acknowledged meanwhile: its removal follows.
  const bool is_done = !error && outcome == OfflineOutcome::done;
  if (entry->second.is_unwanted) {
    const RoutedStanza stanza = entry->second.stanza;
    refuse(stanza, error, outcome);  // Where it bounces, that ends the entry.
    if (!is_done) return;
    if (was_held) release(stanza);  // The copy was lost meanwhile.
    return end(entry);
  }
  entry->second.stored = is_done ? Stored::yes : Stored::no;
  if (is_done) {
    home_.counters.offline_messages.add(OfflineEvent::spooled);
    return tell_sender(number, entry->second);
  }
  // A full store, or a database that is away: the sender waits, and so does what it sends next.
  young_.emplace_back(home_.loop.now(), number);
}

void Settlement::pick_up(const xmpp::Jid& account, SessionId session) {
  desk_.claim(account, [this, session](Result<std::vector<OfflineMessage>> messages) {
    if (messages.has_value()) {
      for (const OfflineMessage& message : *messages) deliver(message, session);
    }  // Else it is counted by the storage, and they wait for the next time.
    if (Recipient* recipient = home_.sessions.find(session)) recipient->on_mail_delivered();
  });
}

void Settlement::deliver(const OfflineMessage& message, SessionId session) {
  auto stanza = restored(message);
  if (!stanza) return home_.counters.offline_messages.add(OfflineEvent::unreadable);
  if (router_.blocks().blocks(stanza->to, stanza->from)) {
    // It was sent before the account blocked its sender.
    desk_.remove(stanza->to.bare(), stanza->id);
    return refuse(*stanza, {}, OfflineOutcome::no_account);
  }
  const auto entry = add(*stanza);
  entry->second.stored = Stored::yes;
  entry->second.holders.push_back(replication::self_ref);
  Recipient* recipient = home_.sessions.find(session);
  if (recipient == nullptr || !recipient->deliver(*stanza)) {
    on_fate(stanza->ticket.number, CopyFate::returned, replication::self_ref);
  }
}

void Settlement::on_node_gone(replication::NodeRef node) {
  std::vector<std::uint64_t> lost;
  for (auto& [number, entry] : entries_) {
    if (std::erase(entry.holders, node) > 0 && entry.holders.empty()) lost.push_back(number);
  }
  std::ranges::sort(lost);  // A client's messages go again in its order.
  for (const std::uint64_t number : lost) on_no_copies(entries_.find(number));
}

// A client that came while a message was on its way into the store had claimed what waits before it
// was in, and on another node is seen here only a trip later.
void Settlement::look_for_late_comers() {
  for (const xmpp::Jid& account : stored_for_before_) {
    const auto storing = storing_.find(std::string(account.bare_str()));
    if (storing == storing_.end()) continue;  // It was offered with the next message.
    router_.offer_mail(account, &home_);
    if (storing->second.messages == 0) storing_.erase(storing);
  }
  stored_for_before_ = std::exchange(stored_for_, {});
}

void Settlement::on_tick() {
  desk_.on_tick();
  if (home_.archive) home_.archive->on_tick();
  home_.reports->flush();
  acked_elsewhere_.forget_old(home_.loop.now());
  look_for_late_comers();
  for (const SessionId id : std::exchange(ticking_, {})) {
    if (Recipient* session = home_.sessions.find(id)) session->on_ack_tick();
  }
  const auto limit = home_.loop.now() - unstored_max;
  while (!young_.empty() && young_.front().first <= limit) {
    const auto entry = entries_.find(young_.front().second);
    young_.pop_front();
    if (entry == entries_.end() || entry->second.stored != Stored::no ||
        entry->second.archived != Archived::no) {
      continue;
    }
    if (is_worth_storing(entry->second.stanza.xml)) {
      store(entry);
    } else {
      tell_sender(entry->first, entry->second);
    }
  }
  if (all_stored_ && is_idle()) std::exchange(all_stored_, nullptr)();
}

bool Settlement::is_idle() const {
  return desk_.is_idle() && (!home_.archive || home_.archive->is_idle());
}

void Settlement::store_all(std::function<void()> done) {
  is_ending_ = true;
  std::vector<RoutedStanza> unwanted;
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->second.is_over) continue;
    if (entry->second.holders.empty()) {
      unwanted.push_back(entry->second.stanza);
    } else if (entry->second.stored == Stored::no && entry->second.archived == Archived::no &&
               is_worth_storing(entry->second.stanza.xml)) {
      store(entry);
    }
  }
  for (const RoutedStanza& stanza : unwanted) keep(stanza);
  all_stored_ = std::move(done);
  if (is_idle()) std::exchange(all_stored_, nullptr)();
}

}  // namespace server
