#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "server/storage/store_options.h"

namespace server::ctl {

/// What a configuration file says about where things are stored, and for whom.
struct ConfiguredStorage {
  StorageOptions options;
  std::vector<std::string> domains;
};

/// Reads a configuration file and its secrets as a node does. Absent: what is wrong has been said.
std::optional<ConfiguredStorage> configured_storage(const std::string& file, std::ostream& err);

}  // namespace server::ctl
