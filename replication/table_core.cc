#include "replication/table_core.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <future>
#include <mutex>

#include "replication/entry.h"
#include "replication/owners.h"
#include "replication/wire.h"

namespace replication {
namespace {

// Splitmix64's finaliser: every bit of the result depends on every bit of `value`.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

std::uint64_t hash_bytes(std::uint64_t seed, std::string_view bytes) {
  std::uint64_t hash = mix(seed ^ bytes.size());
  while (bytes.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    hash = mix(hash ^ word);
    bytes.remove_prefix(8);
  }
  std::uint64_t tail = 0;
  if (!bytes.empty()) std::memcpy(&tail, bytes.data(), bytes.size());
  return mix(hash ^ tail);
}

// Digests are compared between machines, so they read bytes in one order everywhere.
static_assert(std::endian::native == std::endian::little, "hash_bytes() reads little-endian words");

}  // namespace

void append_stamp(std::uint64_t stamp, std::string& bytes) { put_number(stamp, bytes); }

std::uint64_t stamp_of(std::string_view record) {
  return WireReader(record).number<std::uint64_t>();
}

std::string_view without_stamp(std::string_view record) {
  return record.size() < 8 ? std::string_view() : record.substr(8);
}

TableCore::TableCore(std::string name, TableOptions options, const Owners& owners,
                     std::size_t log_ring_bytes, std::uint64_t hash_seed,
                     std::function<void()> wake)
    : name_(std::move(name)),
      options_(options),
      owners_(owners),
      wake_(std::move(wake)),
      seed_(hash_seed),
      log_(log_ring_bytes),
      own_totals_(totals(self_ref)) {}

TableCore::~TableCore() = default;

TableCore::OwnerTotals& TableCore::totals(NodeRef owner) {
  return totals_.with([&](auto& all) -> OwnerTotals& {
    auto& totals = all[owner];
    if (totals == nullptr) totals = std::make_unique<OwnerTotals>();
    return *totals;
  });
}

const TableCore::OwnerTotals* TableCore::find_totals(NodeRef owner) const {
  return totals_.with([&](const auto& all) -> const OwnerTotals* {
    auto found = all.find(owner);
    return found == all.end() ? nullptr : found->second.get();
  });
}

std::uint64_t TableCore::digest_of(const RecordView& at) {
  std::uint64_t hash = hash_bytes(1, at.group);
  hash = hash_bytes(hash, at.member);
  return hash_bytes(hash, at.record);
}

std::uint64_t TableCore::hash(std::string_view group) const { return hash_bytes(seed_, group); }

std::size_t TableCore::shard_of(std::string_view group) const { return hash(group) % shard_count; }

Result<Position> TableCore::put(std::string_view group, std::string_view member,
                                std::string_view record) {
  if (group.size() > key_part_bytes_max || member.size() > key_part_bytes_max ||
      record.size() > record_bytes_max) {
    return make_error_code(Errc::too_large);
  }
  const RecordView view{.owner = self_ref, .group = group, .member = member, .record = record};
  std::string entry;
  append_entry({Entry::Operation::put, group, member, record}, entry);
  const std::uint64_t at = hash(group);
  Shard& shard = shard_for(at);
  Position position = 0;
  bool lost = false;
  const auto begun = std::chrono::steady_clock::now();
  {
    std::unique_lock lock(shard.mutex);
    store(shard, at, view, own_totals_);
    position = log_.append(entry);
    lost = options_.unique && !is_winner(shard.records, at, view);
  }
  note_stall(begun);
  if (lost) conflicts_.with([&](auto& all) { all.emplace_back(group, member); });
  wake_();
  return position;
}

Position TableCore::erase(std::string_view group, std::string_view member) {
  const RecordView view{.owner = self_ref, .group = group, .member = member, .record = {}};
  const std::uint64_t at = hash(group);
  Shard& shard = shard_for(at);
  Position position = 0;
  const auto begun = std::chrono::steady_clock::now();
  {
    std::unique_lock lock(shard.mutex);
    if (!remove(shard, at, view, own_totals_, nullptr)) return log_.head();
    std::string entry;
    append_entry({Entry::Operation::erase, group, member, {}}, entry);
    position = log_.append(entry);
  }
  note_stall(begun);
  wake_();
  return position;
}

void TableCore::note_stall(std::chrono::steady_clock::time_point since) {
  auto took = std::chrono::duration_cast<std::chrono::microseconds>(
                  std::chrono::steady_clock::now() - since)
                  .count();
  auto most = write_stall_max_us_.load(std::memory_order_relaxed);
  while (took > most && !write_stall_max_us_.compare_exchange_weak(most, took)) {
  }
}

void TableCore::store(Shard& shard, std::uint64_t at, const RecordView& record,
                      OwnerTotals& totals) {
  RecordView old = record;
  old.record = shard.records.find(at, record);
  if (old.record.data() != nullptr) {
    totals.sum -= digest_of(old);
    totals.bytes -= RecordShard::footprint(old);
  } else {
    ++totals.records;
  }
  totals.sum += digest_of(record);
  totals.bytes += RecordShard::footprint(record);
  shard.records.put(at, record, totals.epoch);
}

bool TableCore::remove(Shard& shard, std::uint64_t at, const RecordView& record,
                       OwnerTotals& totals, std::string* old_record) {
  RecordView old = record;
  old.record = shard.records.find(at, record);
  if (old.record.data() == nullptr) return false;
  --totals.records;
  totals.sum -= digest_of(old);
  totals.bytes -= RecordShard::footprint(old);
  if (old_record != nullptr) old_record->assign(old.record);
  shard.records.erase(at, record);
  return true;
}

bool TableCore::beats(const RecordView& a, const RecordView& b) const {
  std::uint64_t stamp_a = stamp_of(a.record);
  std::uint64_t stamp_b = stamp_of(b.record);
  if (stamp_a != stamp_b) return stamp_a > stamp_b;
  return owners_.id(a.owner) > owners_.id(b.owner);
}

bool TableCore::is_winner(const RecordShard& records, std::uint64_t at,
                          const RecordView& record) const {
  bool winner = true;
  records.visit_group(at, record.group, [&](const RecordView& other) {
    if (other.member == record.member && other.owner != record.owner &&
        owners_.alive(other.owner) && beats(other, record)) {
      winner = false;
    }
  });
  return winner;
}

void TableCore::find(std::string_view group, std::string_view member, Visit visit) const {
  find_group(group, [&](const RecordView& at) {
    if (at.member == member) visit(at);
  });
}

void TableCore::find_group(std::string_view group, Visit visit) const {
  const std::uint64_t at = hash(group);
  const Shard& shard = shard_for(at);
  std::shared_lock lock(shard.mutex);
  shard.records.visit_group(at, group, [&](const RecordView& record) {
    if (!owners_.alive(record.owner)) return;
    if (options_.unique && !is_winner(shard.records, at, record)) return;
    visit(record);
  });
}

void TableCore::for_each(Visit visit) const {
  for (const Shard& shard : shards_) {
    std::shared_lock lock(shard.mutex);
    shard.records.visit([&](const RecordView& record) {
      if (!owners_.alive(record.owner)) return;
      if (options_.unique && !is_winner(shard.records, hash(record.group), record)) return;
      visit(record);
    });
  }
}

std::size_t TableCore::size() const {
  return totals_.with([&](const auto& all) {
    std::size_t size = 0;
    for (const auto& [owner, totals] : all) {
      if (owners_.alive(owner)) size += totals->records;
    }
    return size;
  });
}

Digest TableCore::digest(NodeRef owner) const {
  const OwnerTotals* totals = find_totals(owner);
  if (totals == nullptr || !owners_.alive(owner)) return {};
  return {.records = totals->records, .sum = totals->sum};
}

TableStatus TableCore::status() const {
  TableStatus status{.table = name_, .position = position(), .records = size()};
  status.records_own = own_totals_.records;
  status.conflicts_lost = conflicts_lost_;
  totals_.with([&](const auto& all) {
    for (const auto& [owner, totals] : all) status.bytes += totals->bytes;
  });
  status.write_stall_max = std::chrono::microseconds(write_stall_max_us_);
  return status;
}

void TableCore::when_replicated(Position position, Deadline deadline, ReplicatedHandler done) {
  auto closed = waits_.with([&](Waits& waits) {
    if (!waits.closed) {
      waits.by_position.emplace(position, Wait{.deadline = deadline, .done = std::move(done)});
    }
    return waits.closed;
  });
  if (closed) {
    done(closed);
  } else {
    wake_();
  }
}

Result<void> TableCore::wait_replicated(Position position, Deadline deadline) {
  auto outcome = std::make_shared<std::promise<boost::system::error_code>>();
  auto waiting = outcome->get_future();
  when_replicated(position, deadline,
                  [outcome](boost::system::error_code error) { outcome->set_value(error); });
  boost::system::error_code error = waiting.get();
  if (error) return error;
  return {};
}

void TableCore::settle_waits(Position acked, Deadline now) {
  std::vector<std::pair<ReplicatedHandler, boost::system::error_code>> due;
  waits_.with([&](Waits& waits) {
    auto& all = waits.by_position;
    for (auto wait = all.begin(); wait != all.end();) {
      bool reached = wait->first <= acked;
      if (!reached && wait->second.deadline > now) {
        ++wait;
        continue;
      }
      boost::system::error_code error;
      if (!reached) error = Errc::deadline_passed;
      due.emplace_back(std::move(wait->second.done), error);
      wait = all.erase(wait);
    }
  });
  for (auto& [done, error] : due) done(error);
}

void TableCore::fail_waits(boost::system::error_code error) {
  auto failed = waits_.with([&](Waits& waits) {
    waits.closed = error;
    return std::exchange(waits.by_position, {});
  });
  for (auto& [position, wait] : failed) wait.done(error);
}

}  // namespace replication
