#pragma once

#include <cstdint>
#include <string>

#include "loadgen/run_flags.h"

namespace loadgen {

/// How a command tells its result on standard output. Faults go to standard error as text.
enum class Output { text, json };

// The commands of `meerkat-load`; each returns the process's exit code (`ExitCode`, 0 is good).

/// Plays a scenario and writes its recording and reports; the code is the verdict.
/// `command_line` is what was typed, for the report: without secrets.
int run_command(const RunFlags& flags, Output output, const std::string& command_line);

/// The built-in scenarios.
int list_command(Output output);

/// One of them as TOML, to start from.
int show_command(const std::string& name);

/// Validates a scenario file without a server.
int check_command(const std::string& file);

/// Renders a run's reports again.
int report_command(const std::string& folder, Output output);

/// Spoils stanzas on purpose and says whether the audit caught it.
int self_test_command(std::uint64_t seed, Output output);

}  // namespace loadgen
