#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "loadgen/connection.h"
#include "loadgen/quantity.h"

namespace loadgen {

/// One server to log in to. Shared by the generator's threads.
struct Target {
  std::string name;  // "n1", or HOST:PORT of a target without a name.
  Endpoint endpoint;
  /// Place in the list of all targets there ever were; what samples are counted by.
  std::size_t index = 0;
  /// [any thread] Clients that are on it or on their way to it.
  std::atomic<int> clients{0};
  /// [any thread] False while it drains, is stopped, or left the list.
  std::atomic<bool> accepts{true};
  /// [any thread] It refused a connection: leave it alone until then (run time, microseconds).
  std::atomic<std::int64_t> avoid_until{0};
};

/// What the list of targets is replaced by.
struct TargetSpec {
  std::string name;
  Endpoint endpoint;
  bool accepts = true;
};

/// The servers under load, and the rule which one a client takes: the one with the fewest of our
/// clients among those that accept, as an even balancer would.
///
/// Threads: all members [any thread].
class TargetList {
 public:
  /// Takes over a new list. A target known by name and address keeps its object and its count;
  /// one that is missing accepts no more.
  void replace(const std::vector<TargetSpec>& specs);

  /// The emptiest that accepts, counted in at once, so that a thousand logins in one moment do not
  /// all see the same number. Null when there is none. `release` it when the client is off.
  std::shared_ptr<Target> choose(Micros now);
  /// This one, if it accepts; otherwise as above.
  std::shared_ptr<Target> choose_or(const std::shared_ptr<Target>& wished, Micros now);
  /// The target at HOST:PORT, as `<see-other-host/>` names it, or null.
  std::shared_ptr<Target> find(const std::string& host_port);

  /// All there ever were, by index.
  std::vector<std::shared_ptr<Target>> all();

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<Target>> targets_;
};

}  // namespace loadgen
