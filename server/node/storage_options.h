#pragma once

#include "server/config/load.h"
#include "server/config/secret.h"
#include "server/storage/store_options.h"

namespace server {

/// The storage that a configuration names; `password` is that of `[mysql]`.
StorageOptions storage_options(const LoadedConfig& loaded, const Secret& password);

}  // namespace server
