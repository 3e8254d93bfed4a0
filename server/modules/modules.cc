#include "server/modules/modules.h"

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "server/log/log.h"
#include "server/router/router.h"

namespace server {

void add_modules(IqHandlers& handlers, const ModuleContext& context) {
  if (context.archive != nullptr) {
    add_archive(handlers, *context.archive, context.documents, context.archive_page_max);
  }
  add_blocking(handlers, context.blocks);
  add_carbons(handlers);
  add_disco(handlers, context);
  add_last_activity(handlers, context.last_activities, context.rosters, context.blocks,
                    context.directory, context.router);
  add_legacy_session(handlers, context);
  add_pep(handlers, context.pep, context.blocks);
  add_ping(handlers, context);
  add_private_xml(handlers, context.documents, context.pep);
  add_registration(handlers, context);
  add_roster(handlers, context.rosters);
  add_time(handlers, context);
  add_vcard(handlers, context.documents, context.pep, context.blocks);
  add_version(handlers, context);
}

void answer_later(const IqRequest& request, asio::awaitable<void> work) {
  asio::co_spawn(
      request.home.loop.executor(), std::move(work), [request](std::exception_ptr failed) {
        if (!failed) return;
        log::failed_unexpectedly("modules", failed);
        request.reply(request.iq->error_reply(xmpp::StanzaErrorCondition::internal_server_error));
      });
}

}  // namespace server
