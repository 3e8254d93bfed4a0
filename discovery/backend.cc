#include "discovery/backend.h"

#include <algorithm>

namespace discovery {

Result<std::uint64_t> Backend::start_stamp(const std::string& /*name*/) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

bool complete_own_row(Reading& reading, const NodeRow& self) {
  const auto own = std::ranges::find(reading.nodes, self.name, &NodeRow::name);
  if (own == reading.nodes.end()) return false;
  own->incarnation = self.incarnation;
  own->version = self.version;
  own->protocol_min = self.protocol_min;
  own->protocol_max = self.protocol_max;
  own->state = self.state;
  return true;
}

}  // namespace discovery
