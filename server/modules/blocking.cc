// Blocking (XEP-0191): the list as clients see and change it. What it means for stanzas is Router's
// to know.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/modules/modules.h"
#include "server/roster/block_lists.h"
#include "server/router/blocked_reply.h"
#include "server/router/router.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

using xmpp::StanzaErrorCondition;

asio::awaitable<void> get(BlockLists& blocks, IqRequest request) {
  const auto list = co_await blocks.load(request.from.bare());
  if (list.has_error()) co_return request.refuse(BlockLists::unavailable);
  xmpp::Stanza result = request.iq->result_reply();
  xmpp::Element shown = result.root().add_child("blocklist", xmpp::ns::blocking);
  for (const std::string& jid : list->jids()) {
    shown.add_child("item", xmpp::ns::blocking).set_attr("jid", jid);
  }
  request.reply(result);
}

asio::awaitable<void> set(BlockLists& blocks, IqRequest request) {
  const bool is_block = request.payload.name() == "block";
  std::vector<std::string> jids;
  for (const xmpp::Element item : xmpp::children(request.payload)) {
    if (!item.is("item", xmpp::ns::blocking) || !item.has_attr("jid")) {
      co_return request.refuse(StanzaErrorCondition::bad_request);
    }
    const auto jid = xmpp::Jid::parse(item.attr("jid"));
    if (!jid) co_return request.refuse(StanzaErrorCondition::jid_malformed);
    jids.emplace_back(jid->str());
  }
  // XEP-0191 §3.3, §3.5: to block nobody is no request; to unblock nobody is to unblock all.
  if (is_block && jids.empty()) co_return request.refuse(StanzaErrorCondition::bad_request);
  const auto refusal =
      co_await blocks.change(request.from.bare(), std::move(jids), is_block, request.home);
  if (refusal) co_return request.refuse(*refusal);
  request.reply(request.iq->result_reply());
}

asio::awaitable<void> unless_blocked(BlockLists& blocks, IqRequest request,
                                     StanzaErrorCondition unseen, IqHandlers::Handler handler) {
  const auto barrier = co_await blocks.between(request.from, request.to);
  if (barrier.has_error()) co_return request.refuse(BlockLists::unavailable);
  switch (*barrier) {
    case Barrier::none:
      co_return handler(request);
    case Barrier::sender:
      co_return request.reply(blocked_reply(*request.iq));
    case Barrier::recipient:
      co_return request.refuse(unseen);
  }
}

}  // namespace

void handle_for_contact(IqHandlers& handlers, BlockLists& blocks, std::string_view ns,
                        std::string name, StanzaErrorCondition unseen,
                        IqHandlers::Handler handler) {
  handlers.handle(IqTarget::contact, "get", std::string(ns), std::move(name),
                  [&blocks, unseen, handler = std::move(handler)](const IqRequest& request) {
                    answer_later(request, unless_blocked(blocks, request, unseen, handler));
                  });
}

void add_blocking(IqHandlers& handlers, BlockLists& blocks) {
  const std::string ns(xmpp::ns::blocking);
  handlers.add_feature(IqTarget::server, ns);
  handlers.add_feature(IqTarget::account, ns);
  handlers.handle(IqTarget::account, "get", ns, "blocklist", [&blocks](const IqRequest& request) {
    request.interests.blocking = true;  // XEP-0191 §3.3
    answer_later(request, get(blocks, request));
  });
  for (const char* name : {"block", "unblock"}) {
    handlers.handle(IqTarget::account, "set", ns, name, [&blocks](const IqRequest& request) {
      answer_later(request, set(blocks, request));
    });
  }
}

}  // namespace server
