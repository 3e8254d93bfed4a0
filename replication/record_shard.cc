#include "replication/record_shard.h"

#include <cassert>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace replication {

// The key's and the record's bytes lie behind it.
struct RecordShard::Entry {
  Entry* next = nullptr;
  std::uint32_t hash = 0;
  std::uint32_t record_size = 0;
  std::uint16_t group_size = 0;
  std::uint16_t member_size = 0;
  NodeRef owner;
  std::uint16_t epoch = 0;

  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
};

namespace {

// Bits 8 to 39: the lower eight chose the shard and are the same for all its records.
std::uint32_t fold(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 8); }

}  // namespace

RecordShard::~RecordShard() {
  for (Entry* entry : buckets_) {
    while (entry != nullptr) std::free(std::exchange(entry, entry->next));
  }
}

RecordView RecordShard::view(const Entry& entry) {
  const char* bytes = entry.bytes();
  return {.owner = entry.owner,
          .group = {bytes, entry.group_size},
          .member = {bytes + entry.group_size, entry.member_size},
          .record = {bytes + entry.group_size + entry.member_size, entry.record_size}};
}

bool RecordShard::at_key(const Entry& entry, std::uint64_t hash, const RecordView& key) {
  if (entry.hash != fold(hash) || entry.owner != key.owner) return false;
  RecordView at = view(entry);
  return at.group == key.group && at.member == key.member;
}

const RecordShard::Entry* RecordShard::first(std::uint64_t hash) const {
  return buckets_.empty() ? nullptr : buckets_[fold(hash) & (buckets_.size() - 1)];
}

std::string_view RecordShard::find(std::uint64_t hash, const RecordView& key) const {
  for (const Entry* entry = first(hash); entry != nullptr; entry = entry->next) {
    if (at_key(*entry, hash, key)) return view(*entry).record;
  }
  return {};
}

void RecordShard::put(std::uint64_t hash, const RecordView& record, std::uint16_t epoch) {
  if (size_ >= buckets_.size()) grow();
  Entry** link = slot(hash);
  while (*link != nullptr && !at_key(**link, hash, record)) link = &(*link)->next;
  if (*link == nullptr || (*link)->record_size != record.record.size()) {
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
    if (*link != nullptr) {
      entry->next = (*link)->next;
      std::free(*link);
    } else {
      entry->next = nullptr;
      ++size_;
    }
    *link = entry;
  }
  Entry& entry = **link;
  entry.epoch = epoch;
  record.record.copy(entry.bytes() + entry.group_size + entry.member_size, entry.record_size);
}

bool RecordShard::erase(std::uint64_t hash, const RecordView& key) {
  if (buckets_.empty()) return false;
  for (Entry** link = slot(hash); *link != nullptr; link = &(*link)->next) {
    if (!at_key(**link, hash, key)) continue;
    Entry* entry = *link;
    *link = entry->next;
    std::free(entry);
    --size_;
    return true;
  }
  return false;
}

void RecordShard::visit_group(std::uint64_t hash, std::string_view group,
                              FunctionRef<void(const RecordView&)> visit) const {
  for (const Entry* entry = first(hash); entry != nullptr; entry = entry->next) {
    if (entry->hash != fold(hash)) continue;
    RecordView at = view(*entry);
    if (at.group == group) visit(at);
  }
}

void RecordShard::visit(FunctionRef<void(const RecordView&)> visit) const {
  for (const Entry* entry : buckets_) {
    for (; entry != nullptr; entry = entry->next) visit(view(*entry));
  }
}

void RecordShard::erase_if(FunctionRef<bool(const RecordView&, std::uint16_t epoch)> remove) {
  for (Entry*& bucket : buckets_) {
    for (Entry** link = &bucket; *link != nullptr;) {
      Entry* entry = *link;
      if (!remove(view(*entry), entry->epoch)) {
        link = &entry->next;
        continue;
      }
      *link = entry->next;
      std::free(entry);
      --size_;
    }
  }
}

std::size_t RecordShard::footprint(const RecordView& record) {
  return sizeof(Entry) + record.group.size() + record.member.size() + record.record.size();
}

RecordShard::Entry** RecordShard::slot(std::uint64_t hash) {
  return &buckets_[fold(hash) & (buckets_.size() - 1)];
}

void RecordShard::grow() {
  std::vector<Entry*> old = std::move(buckets_);
  buckets_.assign(old.empty() ? 8 : 2 * old.size(), nullptr);
  for (Entry* entry : old) {
    while (entry != nullptr) {
      Entry* next = entry->next;
      Entry*& bucket = buckets_[entry->hash & (buckets_.size() - 1)];
      entry->next = bucket;
      bucket = entry;
      entry = next;
    }
  }
}

}  // namespace replication
