#pragma once

#include <chrono>
#include <thread>

namespace tests {

/// Whether `predicate()` became true within `limit`. Looks again every few milliseconds, so a test
/// is as fast as what it waits for:
///
///     EXPECT_TRUE(eventually(5s, [&] { return node.peers().size() == 2; }));
template <class Predicate>
bool eventually(std::chrono::steady_clock::duration limit, Predicate predicate) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    if (predicate()) return true;
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace tests
