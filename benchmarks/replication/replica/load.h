#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "benchmarks/replication/replica/latencies.h"
#include "benchmarks/replication/replica/session.h"
#include "replication/node_id.h"
#include "replication/table.h"

namespace benchmarks {

using Sessions = replication::Table<SessionKey, Session>;

/// Keys `first` to `first + count - 1`.
struct KeyRange {
  std::uint64_t first = 0;
  std::uint64_t count = 1;
};

/// A map of one thread's own, behind a lock that nobody else wants. A look at some of it takes as
/// long as a call into the table; what it takes at its longest is the kernel's doing, not ours.
class Control {
 public:
  Control();
  void look(std::uint64_t number);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::uint64_t> map_;
};

/// How long calls into the table took, seen from the thread that made them.
struct Stalls {
  Latencies all;
  Latencies control;  ///< As many looks at a Control, by the same thread in turns with them.
  /// The longest during which the kernel did not run another thread instead; microseconds.
  double longest_undisturbed_us = 0;

  void add(std::chrono::nanoseconds took, std::uint64_t preemptions_before);
};

/// Writes to a table at a steady rate, on a thread of its own.
class Writer {
 public:
  struct Result {
    std::uint64_t writes = 0;
    double seconds = 0;
    double lowest_rate = 0;  ///< Writes a second in the worst tenth of a second.
    Stalls stalls;
  };

  /// `rate`: writes a second; 0: as many as it can.
  Writer(Sessions& sessions, KeyRange keys, double rate, std::size_t encoded_bytes);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Result stop();

 private:
  void run();

  Sessions& sessions_;
  const KeyRange keys_;
  const double rate_;
  const std::size_t encoded_bytes_;
  Control control_;
  std::atomic<bool> stopping_{false};
  Result result_;
  std::thread thread_;
};

/// Looks keys up, one after the other, on a thread of its own.
class Reader {
 public:
  struct Result {
    std::uint64_t reads = 0;
    std::uint64_t last_found_us = 0;    ///< monotonic_us() of the last look that found a record.
    std::uint64_t first_missed_us = 0;  ///< … of the first that did not; 0: none.
    Stalls stalls;
  };

  /// `rate`: looks a second; 0: as many as it can.
  Reader(const Sessions& sessions, KeyRange keys, double rate);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Result stop();

 private:
  void run();

  const Sessions& sessions_;
  const KeyRange keys_;
  const double rate_;
  Control control_;
  std::atomic<bool> stopping_{false};
  Result result_;
  std::thread thread_;
};

}  // namespace benchmarks
