#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "loadgen/fault.h"
#include "loadgen/run_options.h"

namespace CLI {
class App;
}

namespace loadgen {

/// What was typed after `run`, before it is understood. An empty text is a flag that was not given.
struct RunFlags {
  std::string scenario;
  std::string targets;
  std::string domain = "localhost";
  std::string cluster;
  std::string cluster_file;
  std::string cluster_command;
  std::string folder = "runs";
  std::string sessions, login_rate, rate, duration, warmup, settle;
  std::string model = "open", arrivals = "even";
  std::string tls = "starttls", tls_verify = "on", ca, auth = "best", login = "steps";
  std::string stream_management = "on", resend = "on", audit_archives;
  std::string backoff = "100ms..10s", body = "100..300";
  std::string users_prefix = "load", password, password_file, accounts;
  std::string source_addresses, server_pids, ui = "auto", abort_on, commit;
  std::vector<std::string> thresholds;
  std::uint64_t seed = 7;
  std::size_t threads = 1;
  bool make_accounts = false;
};

/// Makes `run` read its flags into `flags`, which outlives the parsing.
void add_run_flags(CLI::App& run, RunFlags& flags);

/// Why the flags make no run: all that is wrong with them, a line each.
struct RefusedFlags {
  ExitCode code = ExitCode::command_line;
  std::string text;
};

/// What the flags mean, or all that is wrong with them. Reads the files they name.
std::variant<RunOptions, RefusedFlags> understand(const RunFlags& flags);

}  // namespace loadgen
