#pragma once

#include <cstdint>

namespace server {

/// What Linux says of this process; a value that cannot be read is 0.
struct ProcessUsage {
  double cpu_seconds = 0;  ///< User and system.
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t threads = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
  double start_time = 0;  ///< Unix seconds.
};

/// Reads /proc, so not on a loop.
ProcessUsage process_usage();

}  // namespace server
