// XMPP ping (XEP-0199).

#include "server/modules/modules.h"
#include "xmpp/namespaces.h"

namespace server {

void add_ping(IqHandlers& handlers, const ModuleContext&) {
  for (const IqTarget target : {IqTarget::server, IqTarget::account}) {
    handlers.add_feature(target, std::string(xmpp::ns::ping));
    handlers.handle(target, "get", std::string(xmpp::ns::ping), "ping",
                    [](const IqRequest& request) { request.reply(request.iq->result_reply()); });
  }
}

}  // namespace server
