#pragma once

#include <string>

#include "server/ctl/commands.h"

namespace server::ctl {

/// `meerkatctl store export` and `store import`: all accounts, as a file of XEP-0227. The storage
/// is that of a configuration file.
struct StoreTransfer {
  std::string file;  ///< `-` is standard output or input.
  std::string config = "meerkat.toml";
  bool replaces = false;  ///< Imported accounts take the place of those that are there.
  bool stops = false;     ///< At the first fault.
};

/// Asks no node. Says what was written; the file is one that is not there yet.
ExitCode export_store(const StoreTransfer& transfer, Terminal terminal);

/// Asks no node. Says what came, what was there, and line by line what was left out.
ExitCode import_store(const StoreTransfer& transfer, Terminal terminal);

}  // namespace server::ctl
