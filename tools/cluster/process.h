#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/cluster/fault.h"

namespace cluster {

/// A process that cannot be mistaken for a later one with the same number: pids are reused, a pid
/// together with its start time (clock ticks since boot, /proc/PID/stat field 22) is not.
struct ProcessKey {
  pid_t pid = 0;  // 0: no process.
  std::uint64_t start_ticks = 0;

  friend bool operator==(const ProcessKey&, const ProcessKey&) = default;
};

/// The key of the process that has `pid` now; absent when there is none (or only a zombie's shell).
std::optional<ProcessKey> find_process(pid_t pid);

/// Whether that very process still runs. A zombie does not.
bool is_running(const ProcessKey& key);

/// Sends `signal` to that very process and to no other: the signal goes through a pidfd, opened
/// before the start time is compared. Answers whether it was sent.
bool signal_process(const ProcessKey& key, int signal);

/// Blocks until that process has ended, at most `milliseconds`. Works for any process, not only
/// for children. Answers whether it has.
bool await_end(const ProcessKey& key, int milliseconds);

struct SpawnOptions {
  std::vector<std::string> arguments;  // The first is the program: a path, or a name found in PATH.
  std::vector<std::pair<std::string, std::string>> environment;  // Added to ours.
  std::filesystem::path output;  // stdout and stderr are appended here.
  std::filesystem::path input;   // stdin; empty: /dev/null.
  std::filesystem::path folder;  // Working directory; empty: ours.
  int parent_death_signal = 9;   // Sent to it by the kernel when our thread ends, however it ends.
};

/// Starts a child in its own process group (a Ctrl-C on the terminal is ours to handle, not its)
/// with no file of ours open but those above. To be called from the main thread: the death signal
/// follows the *thread* that forked. Errors: the program cannot be run, a file cannot be opened.
Result<ProcessKey> spawn(const SpawnOptions& options);

}  // namespace cluster
