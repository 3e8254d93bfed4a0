#pragma once

#include <memory>

#include "server/storage/error.h"
#include "server/storage/events.h"
#include "server/storage/sql.h"
#include "server/storage/store_options.h"

namespace server {

/// Opens the database alone, as open_storage() does, for who calls it from a thread of his own.
/// `events` must live as long as the database.
boost::system::result<std::unique_ptr<SqlDatabase>, OpenFailure> open_database(
    const StorageOptions& options, StorageEvents& events);

}  // namespace server
