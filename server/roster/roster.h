#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/roster/subscription.h"
#include "xmpp/stanza_error.h"

namespace server {

/// A contact in an account's roster. JIDs here are bare, and prepared.
struct RosterItem {
  std::string contact;
  std::string name;                 ///< Empty for none.
  std::vector<std::string> groups;  ///< All different.
  Subscription subscription;

  /// Whether the account's clients see it. A contact that only asks for a subscription stands in
  /// the roster without being shown (RFC 6121 §3.1.3).
  bool is_listed = false;

  std::uint64_t version = 0;  ///< The roster's, when clients last saw a change of this item.

  /// The stanza in which the contact asks, while that is unanswered.
  std::string request;

  bool operator==(const RosterItem&) const = default;
};

struct RosterLimits {
  std::size_t items_max = 1'000;   ///< Listed ones; those that only ask have a limit of their own.
  std::size_t groups_max = 16;     ///< Of an item.
  std::size_t requests_max = 200;  ///< Unanswered ones; the newest is refused.
  std::size_t name_bytes_max = 1'023;  ///< Of an item's name, and of a group's.
  std::size_t request_bytes_max =
      4'096;  ///< Of a request that is kept; a longer one loses its text.
};

/// What a change of a roster means for others.
struct RosterChange {
  std::optional<xmpp::StanzaErrorCondition> refusal;  ///< Then nothing was changed.

  /// The item as the account's clients now see it, when they see a change: not listed means gone.
  std::optional<RosterItem> push;
  std::uint64_t version = 0;  ///< The roster's, after it.

  Subscription before;   ///< As the item was; all none for one that was not there.
  bool goes_on = false;  ///< Of a subscription request: see SubscriptionStep.
  bool grants = false;
};

/// An account's roster with all its subscriptions (RFC 6121): the contacts and the rules by which
/// they change, without storing or telling anybody.
///
/// Versions (XEP-0237) grow by one with each change that clients see. A roster that was never
/// changed has version 0; the first change starts at the time, so that a removed and re-made
/// account does not come to versions that its clients remember.
class Roster {
 public:
  /// From what to_string() wrote; empty text is an empty roster. Absent when it is none.
  static std::optional<Roster> parse(std::string_view text);

  /// Of these items, all of different contacts; it is new to all clients.
  static Roster of(std::vector<RosterItem> items);

  /// The listed contacts in such a text; none in what is no roster.
  static std::vector<std::string> contacts_in(std::string_view text);

  /// As JSON. Empty for a roster that was never changed.
  std::string to_string() const;

  std::uint64_t version() const { return version_; }
  const std::vector<RosterItem>& items() const { return items_; }
  const RosterItem* find(std::string_view contact) const;

  /// Whether the changes since `version` can be told one by one: nothing was removed since.
  bool can_tell_since(std::uint64_t version) const {
    return version >= removed_at_ && version <= version_;
  }

  /// A client sets name and groups of a contact (RFC 6121 §2.3, §2.4). Refusals: not_acceptable,
  /// bad_request (a group twice), resource_constraint.
  RosterChange set(std::string_view contact, std::string_view name, std::vector<std::string> groups,
                   const RosterLimits& limits);

  /// A client removes a contact (RFC 6121 §2.5); what is to be cancelled with it is in `before`.
  /// Refusals: item_not_found.
  RosterChange remove(std::string_view contact);

  /// The account sends the contact a subscription request. Refusals: resource_constraint.
  RosterChange send(std::string_view contact, SubscriptionRequest request,
                    const RosterLimits& limits);

  /// The account receives one; `stanza` is kept while it waits for an answer. Refusals:
  /// resource_constraint: too many wait.
  RosterChange receive(std::string_view contact, SubscriptionRequest request,
                       std::string_view stanza, const RosterLimits& limits);

 private:
  std::size_t listed() const;
  RosterChange replace(std::string_view contact, RosterItem after);

  std::vector<RosterItem> items_;  // By contact.
  std::uint64_t version_ = 0;
  std::uint64_t removed_at_ = 0;  // The version with which an item was last removed.
};

}  // namespace server
