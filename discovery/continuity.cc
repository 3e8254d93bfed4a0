#include "discovery/continuity.h"

namespace discovery {

void Continuity::answered(Moment now, std::optional<Stamp> clock) {
  bool broken = !since_ || now - last_ > lease_ / 2;
  if (clock) {
    const std::chrono::nanoseconds offset = clock->time_since_epoch() - now.time_since_epoch();
    broken = broken || (offset_ && std::chrono::abs(offset - *offset_) > lease_ / 4);
    offset_ = offset;
  }
  if (broken) since_ = now;
  last_ = now;
}

bool Continuity::has_lasted_a_lease() const { return since_ && last_ - *since_ >= lease_; }

}  // namespace discovery
