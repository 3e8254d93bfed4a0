#include "server/roster/rosters.h"

#include <memory>
#include <utility>

#include "server/roster/roster_xml.h"
#include "server/storage/document_names.h"
#include "xmpp/escape.h"

namespace server {
namespace {

std::string request_xml(const xmpp::Jid& from, const xmpp::Jid& to, SubscriptionRequest request) {
  return "<presence type='" + std::string(name(request)) + "' from='" +
         xmpp::escape_attr(from.str()) + "' to='" + xmpp::escape_attr(to.str()) + "'/>";
}

}  // namespace

asio::awaitable<Result<Roster>> Rosters::load(xmpp::Jid account) {
  auto text = co_await documents_.load(std::move(account), document_names::roster);
  if (text.has_error()) co_return text.error();
  auto roster = Roster::parse(*text);
  if (!roster) co_return make_error_code(StorageErrc::broken);
  co_return *std::move(roster);
}

// Rules are named before they are awaited with: GCC 12 destroys a function twice that is made in
// the await's own expression (its bug 99576).
asio::awaitable<Result<RosterChange>> Rosters::change(xmpp::Jid account, Rule rule) {
  // Shared: the change is made on a thread that may outlive this wait.
  auto outcome = std::make_shared<RosterChange>();
  DocumentStore::Change edit = [outcome,
                                rule = std::move(rule)](std::string& document) -> Result<void> {
    auto roster = Roster::parse(document);
    if (!roster) return make_error_code(StorageErrc::broken);
    *outcome = rule(*roster);
    if (!outcome->refusal) document = roster->to_string();
    return {};
  };
  const auto done =
      co_await documents_.edit(std::move(account), document_names::roster, std::move(edit));
  if (done.has_error()) co_return done.error();
  co_return *outcome;
}

void Rosters::push(const xmpp::Jid& account, const RosterChange& change, RoutedLoop& here) {
  if (!change.push) return;
  router_.push(account, "roster-" + std::to_string(change.version),
               push_query(*change.push, change.version), &here);
}

asio::awaitable<Rosters::Refusal> Rosters::set(xmpp::Jid account, xmpp::Jid contact,
                                               std::string name, std::vector<std::string> groups,
                                               RoutedLoop& here) {
  Rule rule = [contact, name, groups, limits = limits_](Roster& roster) {
    return roster.set(contact.str(), name, groups, limits);
  };
  auto changed = co_await change(account, std::move(rule));
  if (changed.has_error()) co_return unavailable;
  push(account, *changed, here);
  co_return changed->refusal;
}

asio::awaitable<Rosters::Refusal> Rosters::remove(xmpp::Jid account, xmpp::Jid contact,
                                                  RoutedLoop& here) {
  Rule rule = [contact](Roster& roster) { return roster.remove(contact.str()); };
  auto changed = co_await change(account, std::move(rule));
  if (changed.has_error()) co_return unavailable;
  push(account, *changed, here);
  co_await tell_of_end(account, contact, changed->before, here);
  co_return changed->refusal;
}

// RFC 6121 §2.5.2: the contact hears of both ends.
asio::awaitable<Rosters::Refusal> Rosters::tell_of_end(xmpp::Jid account, xmpp::Jid contact,
                                                       Subscription before, RoutedLoop& here) {
  std::vector<SubscriptionRequest> ends;
  if (before.to != Half::none) ends.push_back(SubscriptionRequest::unsubscribe);
  if (before.from != Half::none) ends.push_back(SubscriptionRequest::unsubscribed);
  Refusal refusal;
  for (const SubscriptionRequest end : ends) {
    const auto refused =
        co_await receive(contact, account, end, request_xml(account, contact, end), here);
    if (refused) refusal = refused;
  }
  co_return refusal;
}

asio::awaitable<Result<void>> Rosters::end_all(xmpp::Jid account, RoutedLoop& here) {
  const auto roster = co_await load(account);
  if (roster.has_error()) co_return roster.error();
  for (const RosterItem& item : roster->items()) {
    const auto contact = xmpp::Jid::parse(item.contact);
    if (!contact || !router_.serves(contact->domain())) continue;
    const auto refusal = co_await tell_of_end(account, *contact, item.subscription, here);
    if (refusal) co_return make_error_code(StorageErrc::unavailable);
  }
  co_return Result<void>();
}

asio::awaitable<Rosters::Refusal> Rosters::request(xmpp::Jid account, xmpp::Jid contact,
                                                   SubscriptionRequest request, std::string stanza,
                                                   RoutedLoop& here) {
  Rule rule = [contact, request, limits = limits_](Roster& roster) {
    return roster.send(contact.str(), request, limits);
  };
  auto sent = co_await change(account, std::move(rule));
  if (sent.has_error()) co_return unavailable;
  if (sent->refusal) co_return sent->refusal;
  // On a push the account's sessions tell the contact of their presence, or that it sees them no
  // more: after it has been told that it may see them (RFC 6121 §3.1.5), before that it may not
  // (§3.2.2).
  const bool is_end =
      request == SubscriptionRequest::unsubscribe || request == SubscriptionRequest::unsubscribed;
  if (is_end) push(account, *sent, here);
  Refusal refusal;
  if (sent->goes_on) {
    refusal = co_await receive(contact, account, request, std::move(stanza), here);
  }
  if (!is_end) push(account, *sent, here);
  co_return refusal;
}

// `contact` receives a request of `account`.
asio::awaitable<Rosters::Refusal> Rosters::receive(xmpp::Jid contact, xmpp::Jid account,
                                                   SubscriptionRequest request, std::string stanza,
                                                   RoutedLoop& here) {
  // XEP-0191 §3.3: who is blocked asks nobody. That a subscription ends is still kept.
  if (request == SubscriptionRequest::subscribe) {
    const auto barrier = co_await blocks_.between(account, contact);
    if (barrier.has_error()) co_return unavailable;
    if (*barrier == Barrier::recipient) co_return std::nullopt;
  }
  Rule rule = [account, request, stanza, limits = limits_](Roster& roster) {
    return roster.receive(account.str(), request, stanza, limits);
  };
  auto received = co_await change(contact, std::move(rule));
  if (received.has_error()) {
    // RFC 6121 §8.5.1: nobody is told whether an account exists (hardening S11).
    if (received.error() == StorageErrc::no_such_user) co_return std::nullopt;
    co_return unavailable;
  }
  if (received->goes_on) {
    RoutedStanza presence;
    presence.kind = xmpp::Stanza::Kind::presence;
    presence.type = name(request);
    presence.from = account;
    presence.to = contact;
    presence.xml = stanza;
    router_.route(presence, &here);
  }
  push(contact, *received, here);
  if (request != SubscriptionRequest::subscribe) co_return std::nullopt;
  // What the contact's server answers for it: it has granted that already, or is asked by too many.
  std::optional<SubscriptionRequest> answer;
  if (received->grants) answer = SubscriptionRequest::subscribed;
  if (received->refusal) answer = SubscriptionRequest::unsubscribed;
  if (!answer) co_return std::nullopt;
  co_return co_await receive(account, contact, *answer, request_xml(contact, account, *answer),
                             here);
}

}  // namespace server
