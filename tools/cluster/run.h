#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/cluster/commands.h"

namespace cluster {

struct UpOptions {
  unsigned nodes = 3;
  std::uint16_t port_base = 15000;
  std::string mysql;  // Empty: a private server.
  std::uint64_t accounts = 0;
  bool gates = false;
  bool peer_tls = false;
  std::vector<std::string> settings;
  bool detach = false;
  bool keep = false;
};

/// `up`: becomes the supervisor, or with `detach` starts one in the background and waits until it
/// has the cluster up. Answers the exit code.
int run_up(const Invocation& invocation, const UpOptions& options);

}  // namespace cluster
