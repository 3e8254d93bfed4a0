// Personal eventing (XEP-0163): the part of publish-subscribe (XEP-0060) that clients need for
// avatars, bookmarks and OMEMO. What is stored, and who is told, is Pep's to know.

#include "server/pep/pep.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "server/modules/modules.h"
#include "server/router/router.h"
#include "xmpp/namespaces.h"
#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/scram.h"

namespace server {
namespace {

using xmpp::StanzaErrorCondition;
using xmpp::ns::pubsub;

constexpr std::string_view features[] = {"access-open",
                                         "access-presence",
                                         "access-whitelist",
                                         "auto-create",
                                         "auto-subscribe",
                                         "config-node",
                                         "config-node-max",
                                         "create-and-configure",
                                         "create-nodes",
                                         "delete-items",
                                         "delete-nodes",
                                         "filtered-notifications",
                                         "item-ids",
                                         "last-published",
                                         "multi-items",
                                         "persistent-items",
                                         "presence-notifications",
                                         "publish",
                                         "publish-options",
                                         "purge-nodes",
                                         "retract-items",
                                         "retrieve-items"};

void refuse(const IqRequest& request, const PepRefusal& refusal) {
  xmpp::Stanza reply = request.iq->error_reply(refusal.condition);
  if (!refusal.detail.empty()) {
    reply.root()
        .child("error", xmpp::ns::client)
        .add_child(refusal.detail, xmpp::ns::pubsub_errors);
  }
  request.reply(reply);
}

void answer(const IqRequest& request, const PepResult<void>& done) {
  if (done.has_error()) return refuse(request, done.error());
  request.reply(request.iq->result_reply());
}

asio::awaitable<void> publish(Pep& pep, IqRequest request, xmpp::Element publish) {
  const xmpp::Element item = publish.first_child();
  const xmpp::Element payload = item.first_child();
  if (!item.is("item", pubsub) || item.next()) {
    co_return refuse(request, {StanzaErrorCondition::bad_request, "item-required"});
  }
  // XEP-0060 §7.1.3.6
  if (!payload) co_return refuse(request, {StanzaErrorCondition::bad_request, "payload-required"});
  if (payload.next()) {
    co_return refuse(request, {StanzaErrorCondition::bad_request, "invalid-payload"});
  }
  const std::string node(publish.attr("node"));
  const std::string id = item.has_attr("id") && !item.attr("id").empty()
                             ? std::string(item.attr("id"))
                             : xmpp::base64_encode(xmpp::random_bytes(12));
  Pep::Publication publication;
  publication.node = node;
  publication.item = {id, payload.to_string("")};
  const xmpp::Element options = request.payload.child("publish-options", pubsub);
  publication.options = config_fields(options.child("x", xmpp::ns::data_forms));
  const auto done = co_await pep.publish(request.to, std::move(publication), request.home);
  if (done.has_error()) co_return refuse(request, done.error());
  xmpp::Stanza result = request.iq->result_reply();
  xmpp::Element published = result.root().add_child("pubsub", pubsub).add_child("publish", pubsub);
  published.set_attr("node", node);
  published.add_child("item", pubsub).set_attr("id", id);
  request.reply(result);
}

asio::awaitable<void> items(Pep& pep, IqRequest request, xmpp::Element wanted) {
  const std::string node(wanted.attr("node"));
  const auto found = co_await pep.read(request.to, node, request.from.bare());
  if (found.has_error()) co_return refuse(request, found.error());
  std::vector<std::string> ids;
  for (const xmpp::Element item : xmpp::children(wanted)) ids.emplace_back(item.attr("id"));
  std::size_t skipped = 0;  // XEP-0060 §6.5.7: `max_items` means the newest ones.
  std::size_t most = 0;
  const std::string_view limit = wanted.attr("max_items");
  std::from_chars(limit.data(), limit.data() + limit.size(), most);
  if (ids.empty() && most > 0 && found->items().size() > most) {
    skipped = found->items().size() - most;
  }
  xmpp::Stanza result = request.iq->result_reply();
  xmpp::Element list = result.root().add_child("pubsub", pubsub).add_child("items", pubsub);
  list.set_attr("node", node);
  for (std::size_t at = skipped; at < found->items().size(); ++at) {
    const PepItem& item = found->items()[at];
    if (!ids.empty() && std::find(ids.begin(), ids.end(), item.id) == ids.end()) continue;
    xmpp::Element shown = list.add_child("item", pubsub);
    shown.set_attr("id", item.id);
    if (const auto payload = xmpp::Stanza::parse(item.payload)) shown.add_copy(payload->root());
  }
  request.reply(result);
}

asio::awaitable<void> retract(Pep& pep, IqRequest request, xmpp::Element retract) {
  const std::string node(retract.attr("node"));
  const std::string id(retract.first_child().attr("id"));
  if (id.empty() || retract.first_child().next()) {
    co_return refuse(request, {StanzaErrorCondition::bad_request, "item-required"});
  }
  answer(request, co_await pep.retract(request.to, node, id, request.home));
}

asio::awaitable<void> create(Pep& pep, IqRequest request, xmpp::Element create) {
  const std::string node(create.attr("node"));
  const xmpp::Element configure = request.payload.child("configure", pubsub);
  PepFields fields = config_fields(configure.child("x", xmpp::ns::data_forms));
  answer(request, co_await pep.create(request.to, node, std::move(fields), request.home));
}

asio::awaitable<void> configure(Pep& pep, IqRequest request, xmpp::Element configure) {
  const std::string node(configure.attr("node"));
  PepFields fields = config_fields(configure.child("x", xmpp::ns::data_forms));
  Pep::NodeChange change = [fields = std::move(fields)](PepNode& at) -> PepResult<std::string> {
    if (!at.exists()) return PepRefusal{StanzaErrorCondition::item_not_found};
    const auto config = configured(at.config(), fields);
    if (!config) return PepRefusal{StanzaErrorCondition::not_acceptable};
    at.configure(*config);
    return std::string();
  };
  answer(request, co_await pep.change(request.to, node, std::move(change), request.home));
}

asio::awaitable<void> show_config(Pep& pep, IqRequest request, xmpp::Element configure) {
  const std::string node(configure.attr("node"));
  const auto found = co_await pep.read(request.to, node, request.from.bare());
  if (found.has_error()) co_return refuse(request, found.error());
  xmpp::Stanza result = request.iq->result_reply();
  xmpp::Element shown = result.root()
                            .add_child("pubsub", xmpp::ns::pubsub_owner)
                            .add_child("configure", xmpp::ns::pubsub_owner);
  shown.set_attr("node", node);
  add_config_form(shown, found->config());
  request.reply(result);
}

/// Removes the node, or all its items, and tells so.
asio::awaitable<void> clear(Pep& pep, IqRequest request, xmpp::Element what) {
  const std::string node(what.attr("node"));
  const bool is_end = what.name() == "delete";
  Pep::NodeChange change = [node, is_end](PepNode& at) -> PepResult<std::string> {
    if (!at.exists()) return PepRefusal{StanzaErrorCondition::item_not_found};
    at.purge();
    if (is_end) at = PepNode();
    return std::string(is_end ? "<delete" : "<purge") + " node='" + xmpp::escape_attr(node) + "'/>";
  };
  answer(request, co_await pep.change(request.to, node, std::move(change), request.home));
}

using Action = asio::awaitable<void> (*)(Pep&, IqRequest, xmpp::Element);

struct Verb {
  std::string_view type, ns, name;
  Action action;
};

constexpr Verb verbs[] = {{"get", pubsub, "items", items},
                          {"set", pubsub, "publish", publish},
                          {"set", pubsub, "retract", retract},
                          {"set", pubsub, "create", create},
                          {"get", xmpp::ns::pubsub_owner, "configure", show_config},
                          {"set", xmpp::ns::pubsub_owner, "configure", configure},
                          {"set", xmpp::ns::pubsub_owner, "delete", clear},
                          {"set", xmpp::ns::pubsub_owner, "purge", clear}};

void serve(Pep& pep, const IqRequest& request) {
  for (const Verb& verb : verbs) {
    const xmpp::Element element = request.payload.child(verb.name, verb.ns);
    if (!element || verb.type != request.iq->type() || verb.ns != request.payload.ns()) continue;
    // XEP-0060 §7.1.3.3 and alike
    if (element.attr("node").empty()) {
      return refuse(request, {StanzaErrorCondition::bad_request, "nodeid-required"});
    }
    return answer_later(request, verb.action(pep, request, element));
  }
  refuse(request, {StanzaErrorCondition::feature_not_implemented, "unsupported"});
}

}  // namespace

void add_pep(IqHandlers& handlers, Pep& pep, BlockLists& blocks) {
  handlers.add_identity(IqTarget::account, {"pubsub", "pep", ""});
  for (const IqTarget target : {IqTarget::server, IqTarget::account}) {
    handlers.add_feature(target, std::string(pubsub));
    for (const std::string_view feature : features) {
      handlers.add_feature(target, std::string(pubsub) + "#" + std::string(feature));
    }
  }
  const auto handler = [&pep](const IqRequest& request) { serve(pep, request); };
  for (const std::string_view ns : {pubsub, xmpp::ns::pubsub_owner}) {
    for (const char* type : {"get", "set"}) {
      handlers.handle(IqTarget::account, type, std::string(ns), "pubsub", handler);
    }
  }
  // Of others only to read: what is theirs they alone change.
  handle_for_contact(handlers, blocks, pubsub, "pubsub", StanzaErrorCondition::item_not_found,
                     handler);
}

}  // namespace server
