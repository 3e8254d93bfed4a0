// Message carbons (XEP-0280): a client says whether it wants them. Router makes them.

#include "server/modules/modules.h"
#include "xmpp/namespaces.h"

namespace server {

void add_carbons(IqHandlers& handlers) {
  const std::string ns(xmpp::ns::carbons);
  for (const IqTarget target : {IqTarget::server, IqTarget::account}) {
    handlers.add_feature(target, ns);
  }
  for (const bool is_wanted : {true, false}) {
    handlers.handle(IqTarget::account, "set", ns, is_wanted ? "enable" : "disable",
                    [is_wanted](const IqRequest& request) {
                      request.interests.carbons = is_wanted;
                      request.reply(request.iq->result_reply());
                    });
  }
}

}  // namespace server
