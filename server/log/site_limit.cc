#include "server/log/site_limit.h"

namespace server::log {

SiteLimit::Site& SiteLimit::find(std::uint64_t id) {
  constexpr std::size_t probes_max = 16;  // With 1,024 places and some 200 in use, rarely above 2.
  for (std::size_t probe = 0; probe < probes_max; ++probe) {
    Site& site = sites_[(id + probe) % sites_max];
    std::uint64_t owner = site.id.load(std::memory_order_relaxed);
    if (owner == 0) site.id.compare_exchange_strong(owner, id, std::memory_order_relaxed);
    if (owner == 0 || owner == id) return site;
  }
  return shared_;
}

SiteLimit::Verdict SiteLimit::pass(const char* file, std::uint32_t line, std::chrono::seconds now) {
  // Fibonacci hashing spreads addresses that are near each other; 0 would mean free.
  const std::uint64_t id =
      ((reinterpret_cast<std::uintptr_t>(file) + line) * 0x9E3779B97F4A7C15u >> 20) | 1;
  Site& site = find(id);
  std::int64_t window = site.window.load(std::memory_order_relaxed);
  if (window != now.count() &&
      site.window.compare_exchange_strong(window, now.count(), std::memory_order_relaxed)) {
    site.passed.store(0, std::memory_order_relaxed);
  }
  if (site.passed.fetch_add(1, std::memory_order_relaxed) >= lines_a_second_) {
    site.suppressed.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  return {true, site.suppressed.exchange(0, std::memory_order_relaxed)};
}

}  // namespace server::log
