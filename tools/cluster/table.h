#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/cluster/state.h"

namespace cluster {

/// Rows of text set in columns, two blanks apart; blanks at a line's end are cut. Widths count
/// characters, not bytes.
std::string columns(const std::vector<std::vector<std::string>>& rows, const std::string& indent);

/// The table that `up` ends with: where each node serves, where to log in, what to do elsewhere.
/// `command` is how this program was called, for the hints.
std::string address_table(const ClusterRecord& record, const std::string& command);

/// The table of `status`.
std::string status_table(const ClusterRecord& record,
                         const std::function<std::uint64_t(const std::string&)>& sessions);

}  // namespace cluster
