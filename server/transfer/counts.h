#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace server {

/// What a transfer moves, as its summary counts it.
enum class Moved : std::uint8_t {
  account,
  roster,
  vcard,
  private_xml,
  block_list,
  pep_node,
  other,  ///< What only Meerkat keeps, such as what an account wants archived.
  offline_message,
  archived_message,
};

constexpr std::array<std::string_view, 9> moved_names = {
    "accounts",  "rosters", "vcards",           "private data",      "block lists",
    "pep nodes", "other",   "offline messages", "archived messages",
};

struct MovedCount {
  std::uint64_t moved = 0;
  std::uint64_t was_there = 0;  ///< Left as it was.
};

class MovedCounts {
 public:
  MovedCount& operator[](Moved what) { return counts_.at(static_cast<std::size_t>(what)); }
  const MovedCount& operator[](Moved what) const {
    return counts_.at(static_cast<std::size_t>(what));
  }

  void add(const MovedCounts& others) {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      counts_[i].moved += others.counts_[i].moved;
      counts_[i].was_there += others.counts_[i].was_there;
    }
  }

 private:
  std::array<MovedCount, moved_names.size()> counts_{};
};

}  // namespace server
