#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loadgen/audit.h"

namespace loadgen {

/// What the self-test did to the stanzas, and whether the audit said so.
struct SelfTestStep {
  std::string name;  // "drop", "repeat", "swap", "alter", "misdeliver", "forge", "none".
  Fate expected = Fate::delivered;
  std::uint64_t injected = 0;
  std::uint64_t found = 0;   // Of the expected fate.
  std::uint64_t others = 0;  // Wrong fates that were not injected.
  [[nodiscard]] bool passed() const;
};

/// Proves that the audit finds what it promises to find. Messages are written, cut, parsed and
/// audited by the same code as in a run, over a stream that a small relay in this process spoils on
/// purpose on the receiving side: it drops, repeats, swaps, alters, misdelivers and forges, one
/// kind after another, and once nothing at all.
std::vector<SelfTestStep> self_test(std::uint64_t seed);

}  // namespace loadgen
