#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "loadgen/fleet.h"
#include "loadgen/shard.h"

namespace loadgen {

/// A phase as it was played, with what was measured in it.
struct PhaseRecord {
  std::string name;
  Micros began{};
  Micros ended{};
  Snapshot measured;  // Histograms of the phase; its counters are unused.
  std::uint64_t offered = 0;
  std::uint64_t received = 0;
  std::uint64_t logins = 0;
  std::uint64_t resumed = 0;
  std::uint64_t failed_logins = 0;
  std::uint64_t forced = 0;
  std::uint64_t sessions = 0;  // Wanted at its end.
  double cpu_seconds = 0;      // Of the servers.
  std::map<std::string, double> figures;
};

/// An action as it was played.
struct ActionRecord {
  std::string kind;
  std::string node;
  std::string phase;
  std::string outcome;  // Empty while it runs; "done" or what went wrong.
  Micros began{};
  Micros ended{-1};
  std::uint64_t forced_before = 0;
  std::uint64_t forced = 0;  // Streams that ended while it ran.
};

/// One line for people.
struct Event {
  Micros at{};
  std::string text;
};

/// What the live view shows and the verdict is made of.
struct RunState {
  std::string scenario;
  std::uint64_t seed = 0;
  std::string phase;
  std::size_t phase_number = 0;
  std::size_t phase_count = 0;
  Micros now{};
  Micros expected{};
  bool paused = false;
  double rate = 0;
  double offered_rate = 0;
  double sent_rate = 0;
  double received_rate = 0;
  double generator_cpu = 0;
  double generator_cpu_max = 0;
  Snapshot total;   // Counters so far; histograms of the whole run.
  Snapshot recent;  // Histograms of the last ten seconds.
  std::vector<NodeStatus> nodes;
  std::vector<double> node_logins;   // A second, by target.
  std::vector<double> phase_p99_ms;  // For the little bars.
  std::deque<Event> events;          // Newest first, at most 50.
  std::size_t open_files_max = 0;
};

}  // namespace loadgen
