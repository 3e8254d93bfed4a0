#include "server/roster/block_lists.h"

#include <memory>
#include <utility>

#include "xmpp/escape.h"

namespace server {
namespace {

std::string push_payload(const std::vector<std::string>& jids, bool blocks) {
  const std::string name = blocks ? "block" : "unblock";
  std::string payload = "<" + name + " xmlns='urn:xmpp:blocking'>";
  for (const std::string& jid : jids) payload += "<item jid='" + xmpp::escape_attr(jid) + "'/>";
  return payload + "</" + name + ">";
}

}  // namespace

asio::awaitable<Result<BlockList>> BlockLists::load(xmpp::Jid account) {
  const auto text = co_await documents_.load(std::move(account), BlockList::document_name);
  if (text.has_error()) co_return text.error();
  auto list = BlockList::parse(*text);
  if (!list) co_return make_error_code(StorageErrc::broken);
  co_return *std::move(list);
}

asio::awaitable<Result<BlockTable::Hold>> BlockLists::hold(xmpp::Jid account) {
  const std::string name(account.str());
  auto list = co_await load(std::move(account));
  if (list.has_error()) co_return list.error();
  if (list->version() == 0) co_return BlockTable::Hold();
  co_return router_.blocks().hold(name, *std::move(list));
}

asio::awaitable<BlockLists::Refusal> BlockLists::change(xmpp::Jid account,
                                                        std::vector<std::string> jids, bool blocks,
                                                        RoutedLoop& here) {
  struct Outcome {
    BlockList list;
    bool is_full = false;
  };
  // Shared: the change is made on a thread that may outlive this wait.
  const auto outcome = std::make_shared<Outcome>();
  DocumentStore::Change edit = [outcome, jids, blocks,
                                limits = limits_](std::string& document) -> Result<void> {
    auto list = BlockList::parse(document);
    if (!list) return make_error_code(StorageErrc::broken);
    outcome->is_full = blocks && !list->block(jids, limits);
    if (!blocks) list->unblock(jids);
    document = list->to_string();
    outcome->list = *std::move(list);
    return {};
  };
  const auto done = co_await documents_.edit(account, BlockList::document_name, std::move(edit));
  if (done.has_error()) co_return unavailable;
  if (outcome->is_full) co_return xmpp::StanzaErrorCondition::resource_constraint;
  const std::string name(account.str());
  if (outcome->list.version() > 0) {
    const auto held = router_.blocks().hold(name, std::move(outcome->list));
    router_.tell_of_block_list(name, held);  // On other nodes their tables do.
  }
  co_await router_.blocks().replicated();
  router_.push(account, "blocking", push_payload(jids, blocks), &here);
  co_return std::nullopt;
}

asio::awaitable<Result<Barrier>> BlockLists::between(xmpp::Jid from, xmpp::Jid account) {
  const Barrier known = router_.blocks().between(from, account);
  // Of who is logged in all is known.
  if (known != Barrier::none || !directory_.find_all(account.bare_str()).empty()) co_return known;
  const auto list = co_await load(account.bare());
  if (list.has_error()) co_return list.error();
  const bool is_own = from.bare_str() == account.bare_str();
  co_return !is_own && list->blocks(from) ? Barrier::recipient : Barrier::none;
}

}  // namespace server
