#pragma once

#include <filesystem>
#include <string>

namespace cluster {

/// The programs that a cluster runs, as found or as given by flags.
struct Programs {
  std::filesystem::path meerkatd;
  std::filesystem::path meerkatd_next;
  std::filesystem::path meerkatctl;
};

/// Finds the programs from where this one is: beside it, as they are installed, or in the tree
/// that Bazel builds (…/tools/cluster/cluster, …/server/meerkatd). What is not there keeps its
/// bare name and is then looked up in PATH.
Programs find_programs(const std::filesystem::path& self);

/// The file that this process runs.
std::filesystem::path own_program();

}  // namespace cluster
