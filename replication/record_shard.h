#pragma once

#include <cstddef>
#include <cstdint>
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

/// One shard of a table: a hash table of records, chained by group, one allocation a record with a
/// header of 24 bytes. The caller holds the shard's lock, and gives the group's hash.
class RecordShard {
 public:
  RecordShard() = default;
  ~RecordShard();
  RecordShard(const RecordShard&) = delete;
  RecordShard& operator=(const RecordShard&) = delete;

  /// The owner's record at the key, or nothing (`data()` of the result is null).
  std::string_view find(std::uint64_t hash, const RecordView& key) const;

  /// Writes the owner's record at the key, marked with `epoch`.
  void put(std::uint64_t hash, const RecordView& record, std::uint16_t epoch);

  /// Removes the owner's record at the key; false when there is none.
  bool erase(std::uint64_t hash, const RecordView& key);

  /// All records of the group, of all owners and members.
  void visit_group(std::uint64_t hash, std::string_view group,
                   FunctionRef<void(const RecordView&)> visit) const;

  void visit(FunctionRef<void(const RecordView&)> visit) const;

  /// Removes the records that `remove(record, epoch)` says.
  void erase_if(FunctionRef<bool(const RecordView&, std::uint16_t epoch)> remove);

  std::size_t size() const { return size_; }

  /// What a record of these sizes takes, header included.
  static std::size_t footprint(const RecordView& record);

 private:
  struct Entry;

  static RecordView view(const Entry& entry);
  static bool at_key(const Entry& entry, std::uint64_t hash, const RecordView& key);
  Entry** slot(std::uint64_t hash);
  const Entry* first(std::uint64_t hash) const;
  void grow();

  std::vector<Entry*> buckets_;  // A power of two, or none yet.
  std::size_t size_ = 0;
};

}  // namespace replication
