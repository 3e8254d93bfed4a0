#pragma once

#include <cstdint>

namespace benchmarks {

/// What this process has used.
struct Usage {
  double cpu_seconds = 0;      ///< User and system, all threads.
  std::uint64_t rss = 0;       ///< Bytes.
  std::uint64_t rss_peak = 0;  ///< Bytes, since the start or reset_rss_peak().
};

Usage usage();

/// The peak begins anew at what is resident now. False: the kernel does not let us.
bool reset_rss_peak();

/// Microseconds on the machine's monotonic clock, the same in all of its processes.
std::uint64_t monotonic_us();

/// How often this thread was put aside for another while it could have run.
std::uint64_t preemptions();

}  // namespace benchmarks
