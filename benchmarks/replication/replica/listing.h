#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "discovery/mysql_backend.h"
#include "discovery/registry.h"
#include "replication/node.h"

namespace benchmarks {

/// A replica's row in a registry, and what the registry says of the others told to its node: the
/// two libraries together, as a server uses them.
///
/// Threads: all members may be called from any thread.
class Listing {
 public:
  /// `node` has started, is dialled at `host`, and outlives this.
  Listing(const discovery::MysqlAddress& registry, std::chrono::milliseconds lease,
          const std::string& cluster, const std::string& host, replication::Node& node);

  /// Takes the row off the list and ends, as far as the registry allows.
  void stop() { discovery_.stop(); }

  void nudge() { discovery_.nudge(); }
  bool available() const { return discovery_.available(); }
  std::uint16_t number() const;  ///< 0: not listed.
  std::size_t peers() const { return discovery_.peers().size(); }

 private:
  discovery::Events events_;
  discovery::Discovery discovery_;
};

}  // namespace benchmarks
