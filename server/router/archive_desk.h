#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "server/loop/loop.h"
#include "server/metrics/loop_counters.h"
#include "server/router/session_record.h"
#include "server/storage/archive_store.h"

namespace server {

/// One loop's way into the archives.
///
/// A message that takes back another (XEP-0424) is written as any, and is called written when that
/// other has gone from the archives.
///
/// One batch is written at a time, and none begins sooner than 5 ms after the one before: a lone
/// message leaves at once, and under load a commit is shared by many. Nothing is given up: while
/// the database is away a batch waits, and each tick tries it again. Who sends more meanwhile than
/// the desk has room for is asked to wait.
///
/// Threads: lives on its loop.
class ArchiveDesk {
 public:
  /// `number` is that of keep(); not called for 0.
  using Written = std::function<void(std::uint64_t number, ArchivedFor where)>;

  /// `store` outlives the loop.
  ArchiveDesk(Loop& loop, LoopCounters& counters, ArchiveStore& store);

  /// Before anything is kept.
  void on_written(Written written) { written_ = std::move(written); }

  /// Writes a message into both archives.
  void keep(ArchivedMessage message, std::uint64_t number);

  /// Whether senders should wait: `session` is told when they need no longer.
  [[nodiscard]] bool is_full() const { return waiting_bytes_ >= full_bytes; }
  void tell_of_room(SessionId session) { waiting_sessions_.push_back(session); }
  void on_room(std::function<void(SessionId)> has_room) { has_room_ = std::move(has_room); }

  /// What was read before they waited has no end either: past this a message is refused.
  [[nodiscard]] bool is_overfull() const { return waiting_bytes_ >= 2 * full_bytes; }

  /// Tries again what waits for the database.
  void on_tick() {
    write_next();
    retract_next();
  }

  [[nodiscard]] bool is_idle() const {
    return waiting_.empty() && !is_writing_ && retractions_.empty() && !is_retracting_;
  }

  /// Memory that the messages of one loop may take.
  static constexpr std::size_t full_bytes = 32 << 20;

 private:
  struct Pending {
    ArchivedMessage message;
    std::uint64_t number = 0;
  };

  struct Retraction {
    Pending pending;
    ArchivedFor where;
  };

  void write_next();
  bool gathers();
  asio::awaitable<void> write(std::vector<Pending> batch);
  void end(const Pending& pending, ArchivedFor where);
  void tell_of_room_if_any();
  void retract_next();
  asio::awaitable<void> retract(Retraction retraction);

  Loop& loop_;
  LoopCounters& counters_;
  ArchiveStore& store_;
  Written written_;
  std::function<void(SessionId)> has_room_;
  std::deque<Pending> waiting_;
  std::size_t waiting_bytes_ = 0;  // Also of what is being written.
  std::vector<SessionId> waiting_sessions_;
  bool is_writing_ = false;
  bool is_gathering_ = false;  // Until then, …
  std::chrono::steady_clock::time_point next_batch_at_;
  std::deque<Retraction> retractions_;  // Written, and what they take back is still there.
  bool is_retracting_ = false;
};

}  // namespace server
