#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "server/admin/control.h"

namespace server {

/// The last events of this node, for NodeControl::events(). [any loop]
class EventRing {
 public:
  static constexpr std::size_t events_max = 512;  // A day of a quiet cluster, 100 KiB at most.

  void add(std::string text);
  std::vector<NodeEvent> after(std::uint64_t number) const;

 private:
  mutable std::mutex mutex_;
  std::deque<NodeEvent> events_;
  std::uint64_t last_ = 0;
};

}  // namespace server
