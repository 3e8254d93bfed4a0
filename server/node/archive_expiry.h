#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>

#include "server/loop/loop.h"
#include "server/metrics/loop_counters.h"
#include "server/storage/archive_store.h"

namespace server {

/// Deletes what has been in the archives for longer than it is to be kept: goes through the
/// accounts again and again, a few milliseconds of the database's time at once, and rests as long
/// as it has worked. What the database fails waits for the next round.
///
/// Threads: lives on its loop.
class ArchiveExpiry {
 public:
  struct Options {
    std::chrono::milliseconds kept_for;

    /// Whether it is this node's to do now. It does no harm when two nodes think so.
    std::function<bool()> is_ours;
  };

  /// `store` outlives the loop.
  ArchiveExpiry(Loop& loop, LoopCounters& counters, ArchiveStore& store, Options options);

  /// Until the loop ends. Once.
  void start();

 private:
  asio::awaitable<void> run();
  asio::awaitable<void> go_round();

  Loop& loop_;
  LoopCounters& counters_;
  ArchiveStore& store_;
  const Options options_;
};

}  // namespace server
