#include "replication/write_times.h"

#include <algorithm>

namespace replication {

void WriteTimes::look(Position head, Time now) {
  const Position known = marks_.empty() ? 0 : marks_.back().head;
  if (head <= known) return;
  if (marks_.size() == marks_max) {
    // The older half gets coarser: of two marks the later one stands for the writes of both.
    std::size_t kept = 0;
    for (std::size_t at = 1; at < marks_max / 2; at += 2) marks_[kept++] = marks_[at];
    marks_.erase(marks_.begin() + static_cast<std::ptrdiff_t>(kept),
                 marks_.begin() + static_cast<std::ptrdiff_t>(marks_max / 2));
  }
  marks_.push_back({.head = head, .found = now});
}

std::optional<WriteTimes::Time> WriteTimes::first_after(Position acked) const {
  const auto mark = std::ranges::upper_bound(marks_, acked, {}, &Mark::head);
  if (mark == marks_.end()) return std::nullopt;
  return mark->found;
}

}  // namespace replication
