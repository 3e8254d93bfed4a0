#pragma once

#include <cstdint>
#include <ostream>
#include <string>

namespace replication::simulation {

/// How one schedule ended.
struct Outcome {
  std::string failure;  ///< Empty: all promises were kept.
  std::uint64_t fingerprint = 0;
  std::uint64_t events = 0;
};

/// Lives through what `seed` brings to 2 to 7 nodes: writes and messages among faults of all kinds,
/// then quiet, in which everything must come right. Tells `trace` about it, unless that is null.
Outcome run_schedule(std::uint64_t seed, std::ostream* trace = nullptr);

}  // namespace replication::simulation
