#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "discovery/backend.h"
#include "server/config/config.h"

namespace server {

/// Where this node is listed, as `[discovery]` says; null: it stands alone.
std::unique_ptr<discovery::Backend> make_registry(const Config& config,
                                                  const std::string& mysql_password);

/// A number for this start of the node, greater than its former ones. By the registry's clock where
/// it has one: peers refuse a lesser one, and a node may come back on a machine whose clock is
/// behind. When the registry is away it is this machine's clock, and the log says so.
///
/// Asks once and blocks, at most for the registry's timeout.
std::uint64_t start_stamp(const Config& config, const std::string& mysql_password);

}  // namespace server
