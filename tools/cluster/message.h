#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <string>
#include <string_view>

#include "tools/cluster/fault.h"

namespace cluster {

/// What a command ends with. `text` is for a person's stdout, `error` for stderr, `result` what
/// `--output=json` prints in place of `text`.
struct Reply {
  int exit_code = 0;
  std::string text;
  std::string error;
  boost::json::object result;
};

/// A fault as a reply: "cluster: …", the log, and the fix; exit code 1.
Reply reply_of(const Fault& fault);

// Supervisor and commands talk over a Unix socket in lines of JSON. A command sends one line,
// {"command": "add", "count": 1}, and gets {"progress": "…"} lines and one last line, the reply.
constexpr std::size_t request_bytes_max = 64 * 1024;
constexpr std::size_t line_bytes_max = 4 * 1024 * 1024;

std::string progress_line(std::string_view text);
std::string reply_line(const Reply& reply);

/// A line from the supervisor: either kind of the above.
struct Message {
  bool last = false;
  std::string progress;
  Reply reply;  // With `last`.
};

/// Errors: not such a line.
Result<Message> parse_message(std::string_view line);

}  // namespace cluster
