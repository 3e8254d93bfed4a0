#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/router/routed_stanza.h"

namespace server {

/// What waits for a client that says that nobody looks at it (XEP-0352): presence, what people are
/// about to write (XEP-0085), and news of PEP. Of each sender, chat and item only the last is kept,
/// which says all that the ones before it said.
///
/// What a person may want to know of at once does not wait, and neither does what was asked for;
/// all that waits goes before it, so that the client hears of everything in its order.
///
/// Threads: lives on its session's loop.
class HeldBack {
 public:
  /// False: `stanza` does not wait, or there is no room. What take() gives goes before it.
  bool hold(const RoutedStanza& stanza);

  /// All that waits, in the order in which it came.
  std::vector<RoutedStanza> take();

  std::size_t size() const { return held_.size(); }

 private:
  struct Held {
    std::uint64_t place = 0;
    RoutedStanza stanza;
  };
  std::unordered_map<std::string, Held> held_;  // By what it tells of.
  std::uint64_t places_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace server
