#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <ostream>
#include <queue>
#include <sstream>
#include <string>
#include <vector>

#include "tests/replication/simulation/random.h"

namespace replication::simulation {

using namespace std::chrono_literals;

/// Virtual time and what happens in it: events run one at a time, in the order of their times, and
/// take no time. Ends early at the first broken promise.
class World {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;
  using Event = std::function<void()>;

  /// `trace`: where to tell what happens; null for silence.
  World(std::uint64_t seed, std::ostream* trace) : random(seed), trace_(trace) {}

  Time now() const { return now_; }
  void after(Duration delay, Event event);

  /// Runs what happens in the next `span`, or until a promise is broken.
  void run(Duration span);

  /// What would still have happened will not.
  void drop() { due_ = {}; }

  /// A promise was broken; only the first is kept.
  void fail(const std::string& what);
  bool failed() const { return !failure_.empty(); }
  const std::string& failure() const { return failure_; }

  template <class... Parts>
  void trace(const Parts&... parts) {
    if (trace_ == nullptr) return;
    std::ostringstream line;
    (line << ... << parts);
    tell(line.str());
  }

  /// Equal for two runs in which the same happened at the same times.
  std::uint64_t fingerprint() const { return fingerprint_; }
  std::uint64_t events() const { return events_; }

  Random random;

 private:
  struct Due {
    Time at;
    std::uint64_t number = 0;  // Of equal times the earlier made goes first.
    Event event;
    bool operator<(const Due& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };

  void tell(const std::string& line);

  std::ostream* trace_;
  Time now_ = Time(1h);  // Not 0: that is the value of times that were never set.
  std::priority_queue<Due> due_;
  std::uint64_t made_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t fingerprint_ = 0;
  std::string failure_;
};

}  // namespace replication::simulation
