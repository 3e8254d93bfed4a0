// The session request of RFC 3921 §3, which old clients still send: it does nothing, and says so.

#include "server/modules/modules.h"
#include "xmpp/namespaces.h"

namespace server {

void add_legacy_session(IqHandlers& handlers, const ModuleContext&) {
  for (const IqTarget target : {IqTarget::server, IqTarget::account}) {
    handlers.handle(target, "set", std::string(xmpp::ns::session), "session",
                    [](const IqRequest& request) { request.reply(request.iq->result_reply()); });
  }
}

}  // namespace server
