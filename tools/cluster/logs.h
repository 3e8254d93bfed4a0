#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/cluster/state.h"

namespace cluster {

/// One node's log, a line of JSON each, with the "time" that the line gives (empty if it has none).
struct LogLine {
  std::string node;
  std::string time;
  std::string text;
};

/// The value of "time" in a line of the node's log; empty if there is none.
std::string time_of(const std::string& line);

/// All lines of the nodes' logs in the order of their times; a line without a time stays behind
/// the one before it in its own log.
std::vector<LogLine> merged_logs(const ClusterRecord& record,
                                 const std::vector<std::string>& nodes);

/// Hands over the lines that are written from now on, for ever; ends when `on_line` answers false.
void follow_logs(const ClusterRecord& record, const std::vector<std::string>& nodes,
                 const std::function<bool(const LogLine&)>& on_line);

}  // namespace cluster
