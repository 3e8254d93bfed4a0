#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "replication/deadline.h"
#include "replication/entry.h"
#include "replication/error.h"
#include "replication/function_ref.h"
#include "replication/guarded.h"
#include "replication/log_ring.h"
#include "replication/node_id.h"
#include "replication/record_shard.h"
#include "replication/replicated_handler.h"
#include "replication/status.h"

namespace replication {

class NodeState;
class Owners;

struct TableOptions {
  bool unique = false;  ///< At most one live record at a key; see Table.

  /// Of the record's format: raised by a release that appends a field. Peers are told, and tell
  /// Events where theirs is another.
  std::uint16_t version = 1;
};

/// An order-independent sum over records; see Table::digest().
struct Digest {
  std::uint64_t records = 0;
  std::uint64_t sum = 0;

  bool operator==(const Digest&) const = default;
};

/// Records of unique tables begin with their stamp, big-endian u64.
void append_stamp(std::uint64_t stamp, std::string& bytes);
std::uint64_t stamp_of(std::string_view record);
std::string_view without_stamp(std::string_view record);

/// Why the link thread shall look at a table.
enum class Wake {
  at_once,    ///< Somebody waits for it.
  for_write,  ///< There is more in the log; it may leave with what comes up next.
};

/// A table as bytes: what Table does, and what the links need of it.
///
/// Threads: the upper part from any thread; the part for links from the link thread alone. The
/// records lie in `shard_count` shards, each with its own lock; this node's writes are numbered
/// under the shard's lock, so that a copy of a shard and the log position it stands for agree.
class TableCore {
 public:
  static constexpr std::size_t shard_count = 256;

  using Visit = FunctionRef<void(const RecordView&)>;
  using Watcher = std::function<void(bool put, const RecordView&)>;
  using LostHandler = std::function<void(const RecordView& ours, NodeRef winner)>;

  /// Of the hash that says which shard a group is in, and where there. Clients choose keys, so they
  /// must not know either.
  struct HashSeeds {
    std::uint64_t cluster = 0;  ///< The same on all nodes: what one copies of a shard lies in one.
    std::uint64_t node = 0;     ///< Each its own: what comes in slot order goes to random slots.
  };

  /// `wake` is called after each write, from the writing thread, and may be for a wait.
  TableCore(std::string name, TableOptions options, const Owners& owners,
            std::size_t log_ring_bytes, HashSeeds hash_seeds, std::function<void(Wake)> wake);
  ~TableCore();
  TableCore(const TableCore&) = delete;
  TableCore& operator=(const TableCore&) = delete;

  const std::string& name() const { return name_; }
  const TableOptions& options() const { return options_; }

  Result<Position> put(std::string_view group, std::string_view member, std::string_view record);
  Position erase(std::string_view group, std::string_view member);
  void find(std::string_view group, std::string_view member, Visit visit) const;
  void find_group(std::string_view group, Visit visit) const;
  void for_each(Visit visit) const;
  std::size_t size() const;
  Digest digest(NodeRef owner) const;
  Position position() const { return log_.head(); }
  void when_replicated(Position position, Deadline deadline, ReplicatedHandler done);
  Result<void> wait_replicated(Position position, Deadline deadline);
  void watch(Watcher watcher) { watchers_.push_back(std::move(watcher)); }
  void on_conflict_lost(LostHandler lost) { lost_handler_ = std::move(lost); }
  TableStatus status() const;

  // For links, on the link thread.

  LogRing& log() { return log_; }

  /// The shard that `group` lies in.
  std::size_t shard_of(std::string_view group) const;

  /// Copies this node's records of one shard as put entries into `chunks` of about `chunk_bytes`.
  /// Returns the position of the log that the copy stands for, and the number of records.
  struct ShardCopy {
    Position position = 0;
    std::uint64_t records = 0;
  };
  ShardCopy copy_shard(std::size_t shard, std::size_t chunk_bytes,
                       std::vector<std::string>& chunks) const;

  /// What is known of a peer's log.
  struct Replica {
    Position applied = 0;
    bool complete = false;  ///< False: only a snapshot can bring it up.
  };
  Replica replica(NodeRef owner) const;

  /// Applies `entries` (see docs/protocol.md) of the owner's log or snapshot, and adds their number
  /// to `count`. False: not entries.
  bool apply(NodeRef owner, std::string_view entries, std::uint64_t& count);
  void set_applied(NodeRef owner, Position applied);
  Position applied(NodeRef owner) const;
  void begin_snapshot(NodeRef owner, Position position);
  void end_snapshot(NodeRef owner);

  /// Drops the owner's records in one shard, telling watchers, and returns how many there were;
  /// 256 calls drop them all.
  std::uint64_t drop_shard(NodeRef owner, std::size_t shard);

  /// The owner is gone: whatever it sends next begins with a snapshot.
  void forget_replica(NodeRef owner);

  /// A wait that is over, and how; its handler has yet to be called.
  struct EndedWait {
    ReplicatedHandler done;
    boost::system::error_code error;
  };

  /// Ends waits up to `acked`, and those whose deadline is before `now`: into `ended`.
  void settle_waits(Position acked, Deadline now, std::vector<EndedWait>& ended);

  /// Ends all waits, present and future, with `error`.
  void fail_waits(boost::system::error_code error, std::vector<EndedWait>& ended);

  /// Erases own records that lost against another owner's when they were written.
  void resolve_pending_conflicts();

 private:
  struct Shard {
    mutable std::shared_mutex mutex;
    RecordShard records;
  };

  struct OwnerTotals {
    std::atomic<std::uint64_t> records{0};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> sum{0};
    std::atomic<Position> applied{0};
    std::atomic<bool> complete{false};
    std::uint16_t epoch = 0;  // Link thread; a snapshot's records carry the epoch it began.
    bool stale_possible = false;
  };

  // What some writes change of an owner's totals, so that these are touched once for many.
  struct Change {
    std::uint64_t records = 0;  // These wrap: what is taken away is added as its complement.
    std::uint64_t bytes = 0;
    std::uint64_t sum = 0;
  };

  struct Wait {
    Position position = 0;
    Deadline deadline;
    ReplicatedHandler done;
  };

  struct Waits {
    std::deque<Wait> by_position;              // Nearly always they come in this order.
    Position settled = 0;                      // Of the last settle_waits().
    Deadline next_deadline = Deadline::max();  // None ends before it.
    boost::system::error_code closed;          // Set: no wait begins any more.
  };

  struct Incoming {
    Entry entry;
    std::uint64_t hash = 0;
  };

  struct Lost {
    std::string group, member, record;
    NodeRef winner;
  };

  std::uint64_t hash(std::string_view group) const;
  Shard& shard_for(std::uint64_t hash) { return shards_[hash % shard_count]; }
  const Shard& shard_for(std::uint64_t hash) const { return shards_[hash % shard_count]; }
  OwnerTotals& totals(NodeRef owner);
  const OwnerTotals* find_totals(NodeRef owner) const;
  static std::uint64_t digest_of(const RecordView& record);
  static void add(const Change& change, OwnerTotals& totals);
  static bool store(Shard& shard, std::uint64_t hash, const RecordView& record, std::uint16_t epoch,
                    Change& change);
  static bool remove(Shard& shard, std::uint64_t hash, const RecordView& record, Change& change,
                     std::string* old);
  bool beats(const RecordView& a, const RecordView& b) const;
  bool is_winner(const RecordShard& records, std::uint64_t hash, const RecordView& record) const;
  bool take_lost(Shard& shard, std::uint64_t hash, std::string_view group, std::string_view member,
                 Lost& lost);
  void report(const Lost& lost);
  void apply(NodeRef owner, std::span<const Incoming> entries);
  std::uint64_t sweep(NodeRef owner, std::size_t shard, RecordShard::Kept kept);
  void tell(bool put, const RecordView& record) const;
  std::unique_lock<std::shared_mutex> lock_to_write(Shard& shard);

  const std::string name_;
  const TableOptions options_;
  const Owners& owners_;
  const std::function<void(Wake)> wake_;
  const HashSeeds seeds_;
  std::array<Shard, shard_count> shards_;
  LogRing log_;
  mutable Guarded<std::unordered_map<NodeRef, std::unique_ptr<OwnerTotals>>> totals_;
  OwnerTotals& own_totals_;
  std::vector<Watcher> watchers_;
  LostHandler lost_handler_;
  Guarded<Waits> waits_;
  Guarded<std::vector<std::pair<std::string, std::string>>> conflicts_;
  std::atomic<std::int64_t> write_stall_max_us_{0};
  std::atomic<std::uint64_t> conflicts_lost_{0};
};

/// Makes a table of the node. Asserts that the name is new and the node not started.
TableCore& open_table(NodeState& node, std::string name, TableOptions options);

}  // namespace replication
