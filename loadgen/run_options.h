#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "loadgen/live_view.h"
#include "loadgen/scenario.h"
#include "loadgen/shard.h"

namespace loadgen {

/// One run, understood and checked: what a Conductor plays.
struct RunOptions {
  Scenario scenario;
  std::vector<std::string> targets;  // HOST:PORT; empty with a cluster.
  std::vector<int> server_pids;
  std::string cluster_file;                  // Path of cluster.json, or empty.
  std::vector<std::string> cluster_command;  // The supervisor's program and its first words.
  ShardOptions shard;                        // What each thread plays; accounts included.
  std::size_t threads = 1;
  bool abort_on_audit = false;
  UiMode ui = UiMode::automatic;
  std::string folder;        // Where recording and reports go.
  std::string command_line;  // As it was typed, for the report.
  std::string commit;
};

}  // namespace loadgen
