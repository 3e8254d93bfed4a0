// Software version (XEP-0092). The operating system is nobody's business (§4) and is left out.

#include "server/modules/modules.h"
#include "xmpp/namespaces.h"

namespace server {

void add_version(IqHandlers& handlers, const ModuleContext& context) {
  handlers.add_feature(IqTarget::server, std::string(xmpp::ns::version));
  handlers.handle(IqTarget::server, "get", std::string(xmpp::ns::version), "query",
                  [version = context.version](const IqRequest& request) {
                    xmpp::Stanza reply = request.iq->result_reply();
                    xmpp::Element query = reply.root().add_child("query", xmpp::ns::version);
                    query.add_child("name", xmpp::ns::version).set_text("Meerkat");
                    query.add_child("version", xmpp::ns::version).set_text(version);
                    request.reply(reply);
                  });
}

}  // namespace server
