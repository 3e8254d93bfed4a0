#pragma once

#include <chrono>

namespace replication {

/// A point in time by which something must have happened; made once at the edge and passed down.
using Deadline = std::chrono::steady_clock::time_point;

/// The deadline that is `limit` from now.
inline Deadline in(std::chrono::steady_clock::duration limit) {
  return std::chrono::steady_clock::now() + limit;
}

}  // namespace replication
