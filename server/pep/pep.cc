#include "server/pep/pep.h"

#include <memory>
#include <utility>

#include "server/storage/document_names.h"
#include "xmpp/escape.h"
#include "xmpp/namespaces.h"
#include "xmpp/shared_text.h"

namespace server {
namespace {

// Hardening, limits: PEP.
constexpr std::size_t nodes_max = 100;
constexpr std::size_t item_bytes_max = 64 * 1024;
constexpr std::size_t node_bytes_max = 2 * 1024 * 1024;  // With all its items.

using xmpp::StanzaErrorCondition;

std::string document_name(std::string_view node) {
  return document_names::pep_prefix + std::string(node);
}

PepRefusal refusal_of(boost::system::error_code error) {
  if (error == StorageErrc::too_long || error == StorageErrc::bad_key) {
    return {StanzaErrorCondition::not_acceptable};
  }
  return {StanzaErrorCondition::resource_constraint};
}

RoutedStanza notification(const xmpp::Jid& account, const std::string& event) {
  RoutedStanza message;
  message.kind = xmpp::Stanza::Kind::message;
  message.type = "headline";
  message.from = account;
  message.to = account;
  // One text for all who get it: without `to` it is for its receiver (RFC 6120 §8.1.1.2).
  message.xml = xmpp::SharedText(
      "<message type='headline' from='" + xmpp::escape_attr(account.str()) +
      "'><event xmlns='http://jabber.org/protocol/pubsub#event'>" + event + "</event></message>");
  return message;
}

}  // namespace

std::string items_xml(std::string_view node, const PepItem& item) {
  return "<items node='" + xmpp::escape_attr(node) + "'><item id='" + xmpp::escape_attr(item.id) +
         "'>" + item.payload + "</item></items>";
}

asio::awaitable<PepResult<void>> Pep::publish(xmpp::Jid account, Publication publication,
                                              RoutedLoop& here) {
  if (publication.item.payload.size() > item_bytes_max) {
    co_return PepRefusal{StanzaErrorCondition::policy_violation};
  }
  const std::string node = publication.node;
  if (const auto room = co_await check_room(account, node); room.has_error()) {
    co_return room.error();
  }
  NodeChange publishing = [publication =
                               std::move(publication)](PepNode& to) -> PepResult<std::string> {
    const PepConfig base = to.config();
    const auto wanted = configured(base, publication.options);
    if (!wanted || (to.exists() && *wanted != base)) {
      return PepRefusal{StanzaErrorCondition::conflict, "precondition-not-met"};
    }
    if (!to.exists()) to.create(*wanted);
    to.publish(publication.item);
    return items_xml(publication.node, publication.item);
  };
  co_return co_await change(std::move(account), node, std::move(publishing), here);
}

asio::awaitable<PepResult<void>> Pep::create(xmpp::Jid account, std::string node, PepFields config,
                                             RoutedLoop& here) {
  if (const auto room = co_await check_room(account, node); room.has_error()) {
    co_return room.error();
  }
  NodeChange creating = [config = std::move(config)](PepNode& made) -> PepResult<std::string> {
    if (made.exists()) return PepRefusal{StanzaErrorCondition::conflict};
    const auto wanted = configured(PepConfig(), config);
    if (!wanted) return PepRefusal{StanzaErrorCondition::not_acceptable};
    made.create(*wanted);
    return std::string();
  };
  co_return co_await change(std::move(account), std::move(node), std::move(creating), here);
}

asio::awaitable<PepResult<void>> Pep::retract(xmpp::Jid account, std::string node, std::string id,
                                              RoutedLoop& here) {
  NodeChange retraction = [node, id](PepNode& from) -> PepResult<std::string> {
    if (!from.retract(id)) return PepRefusal{StanzaErrorCondition::item_not_found};
    return "<items node='" + xmpp::escape_attr(node) + "'><retract id='" + xmpp::escape_attr(id) +
           "'/></items>";
  };
  co_return co_await change(std::move(account), node, std::move(retraction), here);
}

// Two that make the last node at once may both do so: the limit guards the storage, not a promise.
asio::awaitable<PepResult<void>> Pep::check_room(xmpp::Jid account, std::string node) {
  const std::string name = document_name(node);
  const auto known = co_await documents_.load(account, name);
  if (known.has_error()) co_return refusal_of(known.error());
  if (!known->empty()) co_return PepResult<void>();
  const auto all = co_await documents_.load_all(std::move(account), document_names::pep_prefix);
  if (all.has_error()) co_return refusal_of(all.error());
  if (all->size() >= nodes_max) co_return PepRefusal{StanzaErrorCondition::resource_constraint};
  co_return PepResult<void>();
}

asio::awaitable<PepResult<void>> Pep::change(xmpp::Jid account, std::string node, NodeChange change,
                                             RoutedLoop& here) {
  struct Outcome {
    std::optional<PepRefusal> refusal;
    std::string event;
    PepAccess access = PepAccess::whitelist;
  };
  // Shared: the change is made on a thread that may outlive this wait.
  const auto outcome = std::make_shared<Outcome>();
  DocumentStore::Change edit = [outcome,
                                change = std::move(change)](std::string& document) -> Result<void> {
    auto parsed = PepNode::parse(document);
    if (!parsed) return make_error_code(StorageErrc::broken);
    outcome->access = parsed->config().access;
    auto event = change(*parsed);
    if (event.has_error()) {
      outcome->refusal = event.error();
      return {};
    }
    if (parsed->exists()) outcome->access = parsed->config().access;
    outcome->event = *std::move(event);
    document = parsed->to_string();
    if (document.size() > node_bytes_max) {
      outcome->refusal = PepRefusal{StanzaErrorCondition::resource_constraint};
      return make_error_code(StorageErrc::too_long);
    }
    return {};
  };
  const std::string name = document_name(node);
  const auto done = co_await documents_.edit(account, name, std::move(edit));
  if (outcome->refusal) co_return *outcome->refusal;
  if (done.has_error()) co_return refusal_of(done.error());
  if (!outcome->event.empty()) {
    co_await notify(std::move(account), outcome->access, std::move(outcome->event), here);
  }
  co_return PepResult<void>();
}

asio::awaitable<void> Pep::notify(xmpp::Jid account, PepAccess access, std::string event,
                                  RoutedLoop& here) {
  const RoutedStanza message = notification(account, event);
  router_.tell(account.bare_str(), message, &here);
  if (access == PepAccess::whitelist) co_return;
  const auto roster = co_await rosters_.load(std::move(account));
  if (roster.has_error()) co_return;  // It is stored; those who ask for it get it.
  for (const RosterItem& item : roster->items()) {
    if (item.subscription.from == Half::active) router_.tell(item.contact, message, &here);
  }
}

asio::awaitable<PepResult<PepNode>> Pep::read(xmpp::Jid account, std::string node,
                                              xmpp::Jid reader) {
  const PepRefusal hidden{StanzaErrorCondition::item_not_found};
  const std::string name = document_name(node);
  const auto document = co_await documents_.load(account, name);
  if (document.has_error()) co_return refusal_of(document.error());
  auto found = PepNode::parse(*document);
  if (!found) co_return PepRefusal{StanzaErrorCondition::internal_server_error};
  if (!found->exists()) co_return hidden;
  if (reader == account || found->config().access == PepAccess::open) co_return *std::move(found);
  if (found->config().access == PepAccess::whitelist) co_return hidden;
  const auto roster = co_await rosters_.load(std::move(account));
  if (roster.has_error()) co_return refusal_of(roster.error());
  const RosterItem* item = roster->find(reader.str());
  if (item == nullptr || item->subscription.from != Half::active) co_return hidden;
  co_return *std::move(found);
}

asio::awaitable<void> Pep::last_items(xmpp::Jid reader, Deliver deliver) {
  const xmpp::Jid account = reader.bare();
  const auto roster = co_await rosters_.load(account);
  if (roster.has_error()) co_return;
  std::vector<std::string> owners = {std::string(account.str())};
  for (const RosterItem& item : roster->items()) {
    if (item.subscription.to == Half::active) owners.push_back(item.contact);
  }
  for (const std::string& name : owners) {
    const auto owner = xmpp::Jid::parse(name);
    if (!owner || !router_.serves(owner->domain())) continue;
    const auto documents = co_await documents_.load_all(*owner, document_names::pep_prefix);
    if (documents.has_error()) co_return;
    if (documents->empty()) continue;
    const auto barrier = co_await blocks_.between(reader, *owner);
    if (barrier.has_error()) co_return;
    if (*barrier != Barrier::none) continue;
    for (const auto& document : *documents) {
      const auto node = PepNode::parse(document.content);
      if (!node || !node->config().sends_last || node->items().empty()) continue;
      if (*owner != account && node->config().access == PepAccess::whitelist) continue;
      const std::string_view node_name =
          std::string_view(document.name)
              .substr(std::string_view(document_names::pep_prefix).size());
      const std::string event = items_xml(node_name, node->items().back());
      if (!deliver(notification(*owner, event))) co_return;
    }
  }
}

}  // namespace server
