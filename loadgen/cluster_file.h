#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/fault.h"

namespace loadgen {

/// A node as the local cluster's supervisor describes it.
struct ClusterNode {
  std::string name;
  std::string state;    // "ready", "draining", "stopped", …
  std::string version;  // Empty until it was ready once.
  std::string c2s;      // HOST:PORT
  std::string c2s_tls;
  std::string health;
  int pid = 0;  // 0: it does not run.
};

/// What `.meerkat/NAME/cluster.json` says. Written by the supervisor in one step, so a reader sees
/// it whole.
struct ClusterFile {
  std::string domain;
  std::string ca;
  std::vector<ClusterNode> nodes;
  std::string accounts_prefix;
  std::string accounts_password;
  std::uint64_t accounts_count = 0;
};

Result<ClusterFile> parse_cluster_file(std::string_view json);
Result<ClusterFile> read_cluster_file(const std::string& path);

}  // namespace loadgen
