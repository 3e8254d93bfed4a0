#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace server::log {

/// Lets each place in the code log so many lines a second (hardening E10).
///
/// [any loop], without a lock. Under a race a window may let a few lines more or fewer pass. Places
/// beyond `sites_max` share one allowance.
class SiteLimit {
 public:
  static constexpr std::size_t sites_max = 1024;

  explicit SiteLimit(std::uint32_t lines_a_second) : lines_a_second_(lines_a_second) {}

  struct Verdict {
    bool may_pass = false;
    std::uint64_t suppressed = 0;  ///< Since the last line that passed, when this one passes.
  };

  /// `file` is a literal: it is told apart by its address. `now` is a time in whole seconds.
  Verdict pass(const char* file, std::uint32_t line, std::chrono::seconds now);

 private:
  struct Site {
    std::atomic<std::uint64_t> id = 0;  // 0: free
    std::atomic<std::int64_t> window = 0;
    std::atomic<std::uint32_t> passed = 0;
    std::atomic<std::uint64_t> suppressed = 0;
  };

  Site& find(std::uint64_t id);

  const std::uint32_t lines_a_second_;
  std::array<Site, sites_max> sites_;
  Site shared_;
};

}  // namespace server::log
