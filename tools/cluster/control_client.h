#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <functional>
#include <string>

#include "tools/cluster/fault.h"
#include "tools/cluster/message.h"

namespace cluster {

/// Sends a command to the supervisor on `socket` and waits for its reply; `on_progress` gets each
/// line of progress. Blocks. Errors: no supervisor answers there; it ended before the reply.
Result<Reply> send_command(const std::filesystem::path& socket, const boost::json::object& command,
                           const std::function<void(const std::string&)>& on_progress);

/// The same conversation's second half, on any descriptor: reads progress and the reply.
Result<Reply> read_reply(int descriptor,
                         const std::function<void(const std::string&)>& on_progress);

}  // namespace cluster
