#include "server/admin/event_ring.h"

namespace server {

void EventRing::add(std::string text) {
  const std::lock_guard lock(mutex_);
  events_.push_back({++last_, std::chrono::system_clock::now(), std::move(text)});
  if (events_.size() > events_max) events_.pop_front();
}

std::vector<NodeEvent> EventRing::after(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  std::vector<NodeEvent> later;
  for (const NodeEvent& event : events_) {
    if (event.number > number) later.push_back(event);
  }
  return later;
}

}  // namespace server
