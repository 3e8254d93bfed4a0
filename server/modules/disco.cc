// Service discovery (XEP-0030).

#include "server/modules/modules.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

void answer_info(const IqHandlers& handlers, const IqRequest& request) {
  // XEP-0030 §3.2: neither the server nor an account has nodes of its own.
  if (request.payload.has_attr("node")) {
    return request.reply(request.iq->error_reply(xmpp::StanzaErrorCondition::item_not_found));
  }
  xmpp::Stanza reply = request.iq->result_reply();
  xmpp::Element query = reply.root().add_child("query", xmpp::ns::disco_info);
  for (const DiscoIdentity& identity : handlers.identities(request.target)) {
    xmpp::Element element = query.add_child("identity", xmpp::ns::disco_info);
    element.set_attr("category", identity.category);
    element.set_attr("type", identity.type);
    element.set_attr("name", identity.name);
  }
  for (const std::string& feature : handlers.features(request.target)) {
    query.add_child("feature", xmpp::ns::disco_info).set_attr("var", feature);
  }
  request.reply(reply);
}

void answer_items(const IqRequest& request) {
  xmpp::Stanza reply = request.iq->result_reply();
  reply.root().add_child("query", xmpp::ns::disco_items);  // There are no services yet.
  request.reply(reply);
}

}  // namespace

void add_disco(IqHandlers& handlers, const ModuleContext&) {
  handlers.add_identity(IqTarget::server, {"server", "im", "Meerkat"});
  handlers.add_identity(IqTarget::account, {"account", "registered", ""});
  for (const IqTarget target : {IqTarget::server, IqTarget::account}) {
    handlers.add_feature(target, std::string(xmpp::ns::disco_info));
    handlers.add_feature(target, std::string(xmpp::ns::disco_items));
    handlers.handle(target, "get", std::string(xmpp::ns::disco_info), "query",
                    [&handlers](const IqRequest& request) { answer_info(handlers, request); });
    handlers.handle(target, "get", std::string(xmpp::ns::disco_items), "query", answer_items);
  }
}

}  // namespace server
