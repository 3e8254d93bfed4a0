#include "replication/record_shard.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <utility>

namespace replication {

// The key's and the record's bytes lie behind it.
struct RecordShard::Entry {
  std::uint32_t hash = 0;
  std::uint32_t record_size = 0;
  std::uint16_t group_size = 0;
  std::uint16_t member_size = 0;
  NodeRef owner;
  std::uint16_t epoch = 0;

  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
};

/// Where an entry is, in 44 bits because entries lie at multiples of 16; above them 12 bits of its
/// hash and 8 of its owner's number: a look at another's slot needs no look at its entry.
class RecordShard::Slot {
 public:
  Slot() = default;
  Slot(Entry* entry, std::uint32_t hash, NodeRef owner)
      : bits_(reinterpret_cast<std::uintptr_t>(entry) >> alignment_bits |
              std::uint64_t{hash & hash_mask} << address_bits |
              std::uint64_t{owner.index & owner_mask} << (address_bits + hash_bits)) {
    assert(this->entry() == entry);
  }

  bool is_free() const { return bits_ == 0; }         ///< Never used since lay_out().
  bool is_vacant() const { return bits_ == vacant; }  ///< Its record was removed.
  bool has_entry() const { return bits_ > vacant; }
  bool may_be(std::uint32_t hash) const {
    return has_entry() && (bits_ >> address_bits & hash_mask) == (hash & hash_mask);
  }
  bool may_be_of(NodeRef owner) const {
    constexpr int shift = address_bits + hash_bits;
    const std::uint64_t least = std::uint64_t{owner.index & owner_mask} << shift | (vacant + 1);
    return bits_ - least < (std::uint64_t{1} << shift) - (vacant + 1);
  }
  Entry* entry() const {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the pointer shares its word to save another.
    return reinterpret_cast<Entry*>((bits_ << alignment_bits) & ((std::uint64_t{1} << 48) - 1));
  }
  void free() { bits_ = 0; }
  void vacate() { bits_ = vacant; }

 private:
  static constexpr int alignment_bits = 4;
  static constexpr int address_bits = 48 - alignment_bits;
  static constexpr int hash_bits = 12;
  static constexpr std::uint32_t hash_mask = (1u << hash_bits) - 1;
  static constexpr std::uint32_t owner_mask = 0xff;
  static constexpr std::uint64_t vacant = 1;  // Nothing lies at address 16.

  std::uint64_t bits_ = 0;
};

namespace {

constexpr std::size_t capacity_min = 8;

// A walk lets go of the lock after so many slots: some ten microseconds.
constexpr std::size_t walk_slots = 512;

// Entries lie all over the memory: fetched so many slots ahead, several come at once.
constexpr std::size_t fetched_ahead = 16;

// Who grows the shard faster than that shall wait for once, or the walk would never end.
constexpr int walk_begun_max = 3;

// Bits 8 to 39: the lower eight chose the shard and are the same for all its records.
std::uint32_t fold(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 8); }

// How many slots for so many records, so that some half as many again fit in.
std::size_t roomy(std::size_t records) { return std::max(capacity_min, records * 15 / 8 + 1); }

// So many slots may be taken before it gets crowded.
std::size_t crowded(std::size_t capacity) { return capacity / 5 * 4; }

}  // namespace

RecordShard::RecordShard() = default;

RecordShard::~RecordShard() {
  for (std::size_t at = 0; at < capacity_; ++at) {
    if (slots_[at].has_entry()) std::free(slots_[at].entry());
  }
}

RecordShard::Entry* RecordShard::make(std::uint64_t hash, const RecordView& record) {
  void* memory = std::malloc(footprint(record));
  if (memory == nullptr) throw std::bad_alloc();
  auto* entry = new (memory) Entry{};
  entry->hash = fold(hash);
  entry->record_size = static_cast<std::uint32_t>(record.record.size());
  entry->group_size = static_cast<std::uint16_t>(record.group.size());
  entry->member_size = static_cast<std::uint16_t>(record.member.size());
  entry->owner = record.owner;
  record.group.copy(entry->bytes(), record.group.size());
  record.member.copy(entry->bytes() + record.group.size(), record.member.size());
  return entry;
}

RecordView RecordShard::view(const Entry& entry) {
  const char* bytes = entry.bytes();
  return {.owner = entry.owner,
          .group = {bytes, entry.group_size},
          .member = {bytes + entry.group_size, entry.member_size},
          .record = {bytes + entry.group_size + entry.member_size, entry.record_size}};
}

bool RecordShard::at_key(const Entry& entry, const RecordView& key) {
  if (entry.owner != key.owner) return false;
  RecordView at = view(entry);
  return at.group == key.group && at.member == key.member;
}

// The hash's part of all hashes, taken of the slots: they need not be a power of two.
std::size_t RecordShard::home(std::uint32_t hash, std::size_t capacity) {
  return static_cast<std::size_t>((std::uint64_t{hash} * capacity) >> 32);
}

std::size_t RecordShard::locate(std::uint64_t hash, const RecordView& key) const {
  if (capacity_ == 0) return nowhere;
  const std::uint32_t folded = fold(hash);
  for (std::size_t at = home(folded); !slots_[at].is_free(); at = after(at)) {
    if (slots_[at].may_be(folded) && slots_[at].may_be_of(key.owner) &&
        at_key(*slots_[at].entry(), key)) {
      return at;
    }
  }
  return nowhere;
}

std::string_view RecordShard::find(std::uint64_t hash, const RecordView& key) const {
  const std::size_t at = locate(hash, key);
  return at == nowhere ? std::string_view() : view(*slots_[at].entry()).record;
}

void RecordShard::put(std::uint64_t hash, const RecordView& record, std::uint16_t epoch,
                      Before before) {
  Entry* entry = nullptr;
  if (const std::size_t at = locate(hash, record); at != nowhere) {
    entry = slots_[at].entry();
    before(view(*entry).record);
    if (entry->record_size != record.record.size()) {
      Entry* old = entry;
      entry = make(hash, record);
      std::free(old);
      slots_[at] = Slot(entry, fold(hash), record.owner);
    }
  } else {
    if (taken_ >= crowded(capacity_)) lay_out(roomy(size_ + 1));
    entry = make(hash, record);
    std::size_t free = home(fold(hash));
    while (slots_[free].has_entry()) free = after(free);
    if (slots_[free].is_free()) ++taken_;
    slots_[free] = Slot(entry, fold(hash), record.owner);
    ++size_;
  }
  entry->epoch = epoch;
  record.record.copy(entry->bytes() + entry->group_size + entry->member_size, entry->record_size);
}

bool RecordShard::erase(std::uint64_t hash, const RecordView& key, Before before) {
  const std::size_t at = locate(hash, key);
  if (at == nowhere) return false;
  before(view(*slots_[at].entry()).record);
  std::free(vacate(at));
  return true;
}

RecordShard::Entry* RecordShard::vacate(std::size_t at) {
  Entry* const entry = slots_[at].entry();
  --size_;
  slots_[at].vacate();
  if (!slots_[after(at)].is_free()) return entry;
  // No search goes past the free slot behind it, so none needs it, nor the vacant ones before it.
  while (slots_[at].is_vacant()) {
    slots_[at].free();
    --taken_;
    at = at == 0 ? capacity_ - 1 : at - 1;
  }
  return entry;
}

void RecordShard::visit_group(std::uint64_t hash, std::string_view group,
                              FunctionRef<void(const RecordView&)> visit) const {
  if (capacity_ == 0) return;
  const std::uint32_t folded = fold(hash);
  for (std::size_t at = home(folded); !slots_[at].is_free(); at = after(at)) {
    if (!slots_[at].may_be(folded)) continue;
    RecordView found = view(*slots_[at].entry());
    if (found.group == group) visit(found);
  }
}

void RecordShard::visit(FunctionRef<void(const RecordView&)> visit) const {
  for (std::size_t at = 0; at < capacity_; ++at) {
    if (slots_[at].has_entry()) visit(view(*slots_[at].entry()));
  }
}

void RecordShard::fetch(std::size_t at, NodeRef owner) const {
  if (at < capacity_ && slots_[at].may_be_of(owner)) __builtin_prefetch(slots_[at].entry());
}

void RecordShard::visit_owner(NodeRef owner, FunctionRef<void(const RecordView&)> visit) const {
  std::array<const Entry*, fetched_ahead> fetched{};
  std::size_t count = 0;
  auto visit_fetched = [&] {
    for (const Entry* entry : std::span(fetched).first(count)) {
      if (entry->owner == owner) visit(view(*entry));
    }
    count = 0;
  };
  for (std::size_t at = 0; at < capacity_; ++at) {
    if (!slots_[at].may_be_of(owner)) continue;
    fetched[count] = slots_[at].entry();
    __builtin_prefetch(fetched[count]);
    if (++count == fetched.size()) visit_fetched();
  }
  visit_fetched();
}

void RecordShard::prefetch(std::uint64_t hash) const {
  // Of two moments, perhaps: then it is an address of nothing, which does no harm.
  const auto slots = reinterpret_cast<std::uintptr_t>(slots_seen_.load(std::memory_order_relaxed));
  const std::size_t at = home(fold(hash), capacity_seen_.load(std::memory_order_relaxed));
  // NOLINTNEXTLINE(performance-no-int-to-ptr): it may point outside of any array.
  __builtin_prefetch(reinterpret_cast<const void*>(slots + at * sizeof(Slot)));
}

bool RecordShard::take_some(Walk& walk, NodeRef owner, Kept kept) {
  if (walk.begun_ == 0 || walk.layout_ != layout_) {
    walk.layout_ = layout_;
    walk.next_ = 0;
    ++walk.begun_;
  }
  const std::size_t end =
      walk.begun_ > walk_begun_max ? capacity_ : std::min(capacity_, walk.next_ + walk_slots);
  for (; walk.next_ < end; ++walk.next_) {
    fetch(walk.next_ + fetched_ahead, owner);
    if (!slots_[walk.next_].may_be_of(owner)) continue;
    const Entry& entry = *slots_[walk.next_].entry();
    if (entry.owner == owner && (!kept || entry.epoch != *kept))
      walk.taken_.push_back(vacate(walk.next_));
  }
  if (walk.next_ < capacity_) return false;
  // What is left of many may be few: the walk is over, so it is no matter that the slots move.
  if (capacity_ > capacity_min && size_ < capacity_ / 4) lay_out(roomy(size_));
  return true;
}

void RecordShard::Walk::visit_taken(FunctionRef<void(const RecordView&)> visit) const {
  for (const Entry* entry : taken_) visit(view(*entry));
}

void RecordShard::Walk::clear() {
  for (Entry* entry : taken_) std::free(entry);
  taken_.clear();
}

std::size_t RecordShard::footprint(const RecordView& record) {
  return sizeof(Entry) + record.group.size() + record.member.size() + record.record.size();
}

void RecordShard::lay_out(std::size_t capacity) {
  const std::size_t old_capacity = std::exchange(capacity_, capacity);
  const std::unique_ptr<Slot[]> old = std::exchange(slots_, std::make_unique<Slot[]>(capacity));
  for (std::size_t at = 0; at < old_capacity; ++at) {
    if (at + fetched_ahead < old_capacity && old[at + fetched_ahead].has_entry()) {
      __builtin_prefetch(old[at + fetched_ahead].entry());
    }
    if (!old[at].has_entry()) continue;
    const std::uint32_t hash = old[at].entry()->hash;
    std::size_t free = home(hash);
    while (!slots_[free].is_free()) free = after(free);
    slots_[free] = old[at];
  }
  taken_ = size_;
  ++layout_;
  slots_seen_.store(slots_.get(), std::memory_order_relaxed);
  capacity_seen_.store(capacity_, std::memory_order_relaxed);
}

}  // namespace replication
