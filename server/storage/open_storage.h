#pragma once

#include <memory>

#include "server/storage/error.h"
#include "server/storage/events.h"
#include "server/storage/storage.h"
#include "server/storage/store_options.h"

namespace server {

/// Opens the storage: connects, checks its settings (strict mode, character set, keys that are
/// compared byte by byte) and brings its schema up to date. Blocks: start-up only.
/// Errors: unavailable, access_denied, schema_outdated, schema_unfit, broken. Whether to try again
/// is the caller's choice. `events` must live as long as the storage.
boost::system::result<std::unique_ptr<Storage>, OpenFailure> open_storage(StorageOptions options,
                                                                          StorageEvents& events);

}  // namespace server
