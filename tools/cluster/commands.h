#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "tools/cluster/message.h"
#include "tools/cluster/programs.h"

namespace cluster {

/// How the program was called: what all commands share.
struct Invocation {
  std::string name = "default";
  std::filesystem::path folder;  // This cluster's own, absolute.
  bool json = false;             // --output=json
  std::string called_as = "cluster";
  Programs programs;
};

// Each command prints its outcome (result on stdout, progress and faults on stderr) and answers
// the exit code: 0 done, 1 not.

/// Sends a command to the supervisor.
int run_command(const Invocation& invocation, const boost::json::object& request);

int show_status(const Invocation& invocation, bool watch);

/// `down` and `reset`. Without a supervisor (it was killed) it ends what cluster.json names, each
/// process by pid and start time.
int end_cluster(const Invocation& invocation, bool delete_folder);

/// All nodes with an empty `node`.
int show_logs(const Invocation& invocation, const std::string& node, bool follow);

// These become another program and return only if that fails.
int open_mysql(const Invocation& invocation, const std::vector<std::string>& arguments);
int run_meerkatctl(const Invocation& invocation, const std::vector<std::string>& arguments);
int open_page(const Invocation& invocation);

/// Prints a reply as the invocation wants it and answers its exit code.
int finish(const Invocation& invocation, const Reply& reply);

}  // namespace cluster
