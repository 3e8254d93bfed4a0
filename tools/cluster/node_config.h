#pragma once

#include <filesystem>
#include <string>

#include "tools/cluster/fault.h"
#include "tools/cluster/state.h"

namespace cluster {

/// Writes a node's `meerkat.toml` into its folder, made if need be, and answers with its path.
/// Everything in it follows from the record, so writing it again changes nothing.
Result<std::filesystem::path> write_node_config(const ClusterRecord& record,
                                                const NodeRecord& node);

/// Writes the secrets that the nodes share, where they are not there yet: secrets/peers,
/// secrets/admin-token ("dev": the admin port is on loopback and the dashboard's address is for
/// typing) and secrets/db.
Result<void> ensure_secrets(const ClusterRecord& record);

/// What the file `secrets/<name>` holds, without the line's end. Errors: it cannot be read.
Result<std::string> read_secret(const ClusterRecord& record, const std::string& name);

}  // namespace cluster
