// The part of TableCore that links use: copying this node's records out, and applying the others'.

#include <array>
#include <mutex>
#include <optional>
#include <utility>

#include "replication/entry.h"
#include "replication/owners.h"
#include "replication/table_core.h"

namespace replication {

TableCore::ShardCopy TableCore::copy_shard(std::size_t index, std::size_t chunk_bytes,
                                           std::vector<std::string>& chunks) const {
  ShardCopy copy;
  const Shard& shard = shards_[index];
  std::string chunk;
  std::shared_lock lock(shard.mutex);
  shard.records.visit_owner(self_ref, [&](const RecordView& at) {
    if (chunk.empty()) chunk.reserve(chunk_bytes);
    append_entry({Entry::Operation::put, at.group, at.member, at.record}, chunk);
    ++copy.records;
    if (chunk.size() < chunk_bytes) return;
    chunks.push_back(std::move(chunk));
    chunk.clear();
  });
  // Writes to this shard are numbered with its lock held, so all of them up to here are in the
  // copy.
  copy.position = log_.head();
  if (!chunk.empty()) chunks.push_back(std::move(chunk));
  return copy;
}

TableCore::Replica TableCore::replica(NodeRef owner) const {
  const OwnerTotals* totals = find_totals(owner);
  if (totals == nullptr || !totals->complete) return {};
  return {.applied = totals->applied, .complete = true};
}

void TableCore::tell(bool put, const RecordView& record) const {
  for (const Watcher& watcher : watchers_) watcher(put, record);
}

bool TableCore::apply(NodeRef owner, std::string_view entries, std::uint64_t& count) {
  std::array<Incoming, 64> some;
  for (bool well_formed = true; well_formed && !entries.empty();) {
    std::size_t size = 0;
    while (size < some.size() && !entries.empty()) {
      auto entry = take_entry(entries);
      // A record of a unique table that is too short for its stamp is from no release of ours.
      well_formed = entry && (entry->operation == Entry::Operation::erase || !options_.unique ||
                              entry->record.size() >= 8);
      if (!well_formed) break;
      const std::uint64_t at = hash(entry->group);
      shard_for(at).records.prefetch(at);
      some[size++] = {.entry = *entry, .hash = at};
    }
    count += size;
    apply(owner, std::span(some).first(size));
    if (!well_formed) return false;
  }
  return true;
}

void TableCore::apply(NodeRef owner, std::span<const Incoming> entries) {
  OwnerTotals& totals = this->totals(owner);
  const bool watched = !watchers_.empty();
  Change change;
  std::string old;
  Lost lost;
  while (!entries.empty()) {
    // What lies in one shard is written under one lock: in a snapshot, all of it.
    Shard& shard = shard_for(entries.front().hash);
    std::unique_lock lock(shard.mutex);
    std::size_t together = 1;
    while (together < entries.size() && &shard_for(entries[together].hash) == &shard) ++together;
    for (const Incoming& incoming : entries.first(together)) {
      const Entry& entry = incoming.entry;
      RecordView view{
          .owner = owner, .group = entry.group, .member = entry.member, .record = entry.record};
      const bool put = entry.operation == Entry::Operation::put;
      bool changed = false;
      bool conflict = false;
      if (put) {
        // A snapshot repeats what is here already; only differences are told.
        changed = store(shard, incoming.hash, view, totals.epoch, change);
        conflict =
            options_.unique && take_lost(shard, incoming.hash, entry.group, entry.member, lost);
      } else {
        changed = remove(shard, incoming.hash, view, change, watched ? &old : nullptr);
        view.record = old;
      }
      if ((!changed || !watched) && !conflict) continue;
      lock.unlock();  // Whoever is told may look at the table.
      if (changed && watched) {
        add(std::exchange(change, {}), totals);
        tell(put, view);
      }
      if (conflict) report(lost);
      lock.lock();
    }
    entries = entries.subspan(together);
  }
  add(change, totals);
}

bool TableCore::take_lost(Shard& shard, std::uint64_t at, std::string_view group,
                          std::string_view member, Lost& lost) {
  RecordView ours{.owner = self_ref, .group = group, .member = member, .record = {}};
  ours.record = shard.records.find(at, ours);
  if (ours.record.data() == nullptr) return false;
  RecordView best = ours;
  shard.records.visit_group(at, group, [&](const RecordView& other) {
    if (other.member == member && owners_.alive(other.owner) && beats(other, best)) best = other;
  });
  if (best.owner == self_ref) return false;
  lost.group = group;
  lost.member = member;
  lost.winner = best.owner;
  Change change;
  remove(shard, at, ours, change, &lost.record);
  log_.append({Entry::Operation::erase, group, member, {}});
  add(change, own_totals_);
  return true;
}

void TableCore::report(const Lost& lost) {
  wake_(Wake::for_write);  // The erase is in the log.
  ++conflicts_lost_;
  if (lost_handler_ == nullptr) return;
  lost_handler_(
      {.owner = self_ref, .group = lost.group, .member = lost.member, .record = lost.record},
      lost.winner);
}

void TableCore::resolve_pending_conflicts() {
  std::vector<std::pair<std::string, std::string>> keys;
  conflicts_.with([&](auto& all) { keys.swap(all); });
  for (const auto& [group, member] : keys) {
    const std::uint64_t at = hash(group);
    Shard& shard = shard_for(at);
    Lost lost;
    bool conflict = false;
    {
      std::unique_lock lock(shard.mutex);
      conflict = take_lost(shard, at, group, member, lost);
    }
    if (conflict) report(lost);
  }
}

void TableCore::set_applied(NodeRef owner, Position applied) { totals(owner).applied = applied; }

Position TableCore::applied(NodeRef owner) const {
  const OwnerTotals* totals = find_totals(owner);
  return totals == nullptr ? 0 : totals->applied.load();
}

void TableCore::begin_snapshot(NodeRef owner, Position position) {
  OwnerTotals& totals = this->totals(owner);
  totals.complete = false;
  totals.applied = position;
  totals.stale_possible = totals.records != 0;
  ++totals.epoch;  // Only unfinished snapshots leave records of older epochs; 2^16 in a row do not.
}

void TableCore::end_snapshot(NodeRef owner) {
  OwnerTotals& totals = this->totals(owner);
  if (totals.stale_possible) {
    for (std::size_t shard = 0; shard < shard_count; ++shard) sweep(owner, shard, totals.epoch);
  }
  totals.stale_possible = false;
  totals.complete = true;
}

std::uint64_t TableCore::drop_shard(NodeRef owner, std::size_t shard) {
  return sweep(owner, shard, std::nullopt);
}

std::uint64_t TableCore::sweep(NodeRef owner, std::size_t index, RecordShard::Kept kept) {
  OwnerTotals& totals = this->totals(owner);
  if (totals.records == 0) return 0;
  std::uint64_t dropped = 0;
  Shard& shard = shards_[index];
  RecordShard::Walk walk;
  // In steps, between which readers and writers of the shard have their turn.
  for (bool done = false; !done;) {
    {
      std::unique_lock lock(shard.mutex);
      done = shard.records.take_some(walk, owner, kept);
    }
    Change change;
    walk.visit_taken([&](const RecordView& at) {
      --change.records;
      change.sum -= digest_of(at);
      change.bytes -= RecordShard::footprint(at);
    });
    add(change, totals);
    dropped -= change.records;
    if (!watchers_.empty()) walk.visit_taken([&](const RecordView& at) { tell(false, at); });
    walk.clear();
  }
  return dropped;
}

void TableCore::forget_replica(NodeRef owner) {
  OwnerTotals& totals = this->totals(owner);
  totals.complete = false;
  totals.applied = 0;
}

}  // namespace replication
