// Entity time (XEP-0202), with times as XEP-0082 writes them.

#include <chrono>
#include <ctime>

#include "server/modules/modules.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return std::string(text, size);
}

}  // namespace

void add_time(IqHandlers& handlers, const ModuleContext&) {
  handlers.add_feature(IqTarget::server, std::string(xmpp::ns::time));
  handlers.handle(IqTarget::server, "get", std::string(xmpp::ns::time), "time",
                  [](const IqRequest& request) {
                    xmpp::Stanza reply = request.iq->result_reply();
                    xmpp::Element time = reply.root().add_child("time", xmpp::ns::time);
                    time.add_child("tzo", xmpp::ns::time).set_text("+00:00");
                    time.add_child("utc", xmpp::ns::time).set_text(utc_now());
                    request.reply(reply);
                  });
}

}  // namespace server
