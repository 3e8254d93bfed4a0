#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
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

/// How long calls into the table took, seen from the thread that made them.
struct Stalls {
  Latencies all;
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
  std::atomic<bool> stopping_{false};
  Result result_;
  std::thread thread_;
};

}  // namespace benchmarks
