#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "replication/function_ref.h"
#include "replication/node_id.h"

namespace replication {

/// A record as it lies in memory or in a frame.
struct RecordView {
  NodeRef owner;
  std::string_view group;
  std::string_view member;
  std::string_view record;
};

/// One shard of a table: a hash table of records by group, open addressed. A record is one
/// allocation with a header of 16 bytes, and a slot of 8 bytes, of which a half to four fifths are
/// in use. The caller holds the shard's lock, and gives the group's hash.
class RecordShard {
  struct Entry;
  class Slot;

 public:
  /// What was there, just before it is written over or removed.
  using Before = FunctionRef<void(std::string_view record)>;

  RecordShard();
  ~RecordShard();
  RecordShard(const RecordShard&) = delete;
  RecordShard& operator=(const RecordShard&) = delete;

  /// The owner's record at the key, or nothing (`data()` of the result is null).
  std::string_view find(std::uint64_t hash, const RecordView& key) const;

  /// Writes the owner's record at the key, marked with `epoch`. Calls `before` if there was one.
  void put(std::uint64_t hash, const RecordView& record, std::uint16_t epoch, Before before);

  /// Removes the owner's record at the key, after calling `before`; false when there is none.
  bool erase(std::uint64_t hash, const RecordView& key, Before before);

  /// All records of the group, of all owners and members.
  void visit_group(std::uint64_t hash, std::string_view group,
                   FunctionRef<void(const RecordView&)> visit) const;

  void visit(FunctionRef<void(const RecordView&)> visit) const;

  /// The owner's records alone, at little more than the cost of looking at these.
  void visit_owner(NodeRef owner, FunctionRef<void(const RecordView&)> visit) const;

  /// Fetches what a put() or erase() of this hash reads first. Needs no lock: at worst it fetches
  /// in vain.
  void prefetch(std::uint64_t hash) const;

  /// Which of an owner's records a walk leaves alone: those of an epoch, or none.
  using Kept = std::optional<std::uint16_t>;

  /// A walk over all records that lets go of the lock now and then, and takes out those of an
  /// owner. Freeing them is left to clear(), which needs no lock.
  class Walk {
   public:
    Walk() = default;
    ~Walk() { clear(); }
    Walk(const Walk&) = delete;
    Walk& operator=(const Walk&) = delete;

    /// What has been taken out since the last clear().
    void visit_taken(FunctionRef<void(const RecordView&)> visit) const;
    void clear();

   private:
    friend class RecordShard;

    std::vector<Entry*> taken_;
    std::uint64_t layout_ = 0;
    std::size_t next_ = 0;
    int begun_ = 0;
  };

  /// Takes out the owner's records but those that are kept, looking at some 500 slots at most.
  /// False: not done, to be called again with the same walk. It begins anew if the slots were laid
  /// out anew in between, which is rare; if that happens again and again, it ends in one go.
  bool take_some(Walk& walk, NodeRef owner, Kept kept);

  std::size_t size() const { return size_; }

  /// What a record of these sizes takes, header included.
  static std::size_t footprint(const RecordView& record);

 private:
  static Entry* make(std::uint64_t hash, const RecordView& record);
  static RecordView view(const Entry& entry);
  static bool at_key(const Entry& entry, const RecordView& key);
  std::size_t home(std::uint32_t hash) const { return home(hash, capacity_); }
  static std::size_t home(std::uint32_t hash, std::size_t capacity);
  std::size_t after(std::size_t at) const { return at + 1 == capacity_ ? 0 : at + 1; }
  std::size_t locate(std::uint64_t hash, const RecordView& key) const;
  Entry* vacate(std::size_t at);
  void fetch(std::size_t at, NodeRef owner) const;
  void lay_out(std::size_t capacity);

  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

  std::unique_ptr<Slot[]> slots_;
  std::size_t capacity_ = 0;
  std::size_t taken_ = 0;  // Slots with a record, or that had one.
  std::size_t size_ = 0;
  std::uint64_t layout_ = 0;  // Counts lay_out().

  // For prefetch(): where the slots are.
  std::atomic<const Slot*> slots_seen_{nullptr};
  std::atomic<std::size_t> capacity_seen_{0};
};

}  // namespace replication
