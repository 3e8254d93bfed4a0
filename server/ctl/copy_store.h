#pragma once

#include <string>

#include "server/ctl/commands.h"

namespace server::ctl {

/// `meerkatctl store copy`: the storages are those of two configuration files, whose secrets are
/// read as a node reads them.
struct StoreCopy {
  std::string from;
  std::string to;
  bool replaces = false;  ///< Empties the target first.
};

/// Asks no node. Says what was copied, table by table.
ExitCode copy_store(const StoreCopy& copy, Terminal terminal);

}  // namespace server::ctl
