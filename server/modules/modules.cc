#include "server/modules/modules.h"

namespace server {

void add_modules(IqHandlers& handlers, const ModuleContext& context) {
  add_disco(handlers, context);
  add_legacy_session(handlers, context);
  add_ping(handlers, context);
  add_registration(handlers, context);
  add_time(handlers, context);
  add_version(handlers, context);
}

}  // namespace server
