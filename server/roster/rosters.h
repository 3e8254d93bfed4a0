#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/roster/block_lists.h"
#include "server/roster/roster.h"
#include "server/router/router.h"
#include "server/storage/document_store.h"
#include "xmpp/jid.h"
#include "xmpp/stanza_error.h"

namespace server {

namespace asio = boost::asio;

/// The rosters of all accounts: changes them as clients and contacts ask, and tells whom it
/// concerns, on whichever node they are.
///
/// Every session of an account is told of each change by a roster push, an iq of type `set` whose
/// `from` is the account, which nobody but this class can send: it keeps what it needs of it, and
/// passes it on to a client that wants it.
///
/// Threads: all members may be called from any loop, which is `here`.
class Rosters {
 public:
  Rosters(DocumentStore& documents, Router& router, BlockLists& blocks, RosterLimits limits)
      : documents_(documents), router_(router), blocks_(blocks), limits_(limits) {}

  /// Errors: those of DocumentStore.
  asio::awaitable<Result<Roster>> load(xmpp::Jid account);

  /// Why something was not done: the error to answer with.
  using Refusal = std::optional<xmpp::StanzaErrorCondition>;

  /// A client sets a contact's name and groups (RFC 6121 §2.3).
  asio::awaitable<Refusal> set(xmpp::Jid account, xmpp::Jid contact, std::string name,
                               std::vector<std::string> groups, RoutedLoop& here);

  /// A client removes a contact, which ends their subscriptions (RFC 6121 §2.5).
  asio::awaitable<Refusal> remove(xmpp::Jid account, xmpp::Jid contact, RoutedLoop& here);

  /// Ends all subscriptions of an account that goes, and its requests, for its contacts. Errors:
  /// those of DocumentStore.
  asio::awaitable<Result<void>> end_all(xmpp::Jid account, RoutedLoop& here);

  /// The account sends a contact of a served domain a subscription request: both rosters are
  /// changed, and both sides' clients told (RFC 6121 §3). All JIDs are bare.
  asio::awaitable<Refusal> request(xmpp::Jid account, xmpp::Jid contact,
                                   SubscriptionRequest request, std::string stanza,
                                   RoutedLoop& here);

  /// What is said to a client while the database cannot be asked (G5).
  static constexpr auto unavailable = xmpp::StanzaErrorCondition::resource_constraint;

 private:
  using Rule = std::function<RosterChange(Roster&)>;

  asio::awaitable<Result<RosterChange>> change(xmpp::Jid account, Rule rule);
  asio::awaitable<Refusal> receive(xmpp::Jid contact, xmpp::Jid account,
                                   SubscriptionRequest request, std::string stanza,
                                   RoutedLoop& here);
  asio::awaitable<Refusal> tell_of_end(xmpp::Jid account, xmpp::Jid contact, Subscription before,
                                       RoutedLoop& here);
  void push(const xmpp::Jid& account, const RosterChange& change, RoutedLoop& here);

  DocumentStore& documents_;
  Router& router_;
  BlockLists& blocks_;
  const RosterLimits limits_;
};

}  // namespace server
