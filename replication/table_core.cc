#include "replication/table_core.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <future>
#include <iterator>
#include <mutex>

#include "replication/entry.h"
#include "replication/owners.h"
#include "replication/wire.h"

namespace replication {
namespace {

// Digests are compared between machines, so they read bytes in one order everywhere.
static_assert(std::endian::native == std::endian::little, "hash_bytes() reads little-endian words");

// Every bit of the product's two halves depends on nearly every bit of both factors.
std::uint64_t folded_product(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t word(const char* bytes, std::size_t size) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, size);
  return word;
}

// 16 bytes a multiplication. The constants are odd, with as many ones as zeros; without the seed
// nobody can choose bytes that make a factor 0.
std::uint64_t hash_bytes(std::uint64_t seed, std::string_view bytes) {
  constexpr std::uint64_t first = 0xa0761d6478bd642fu, second = 0xe7037ed1a0b428dbu;
  std::uint64_t hash = seed ^ first;
  const std::size_t size = bytes.size();
  for (; bytes.size() > 16; bytes.remove_prefix(16)) {
    hash = folded_product(word(bytes.data(), 8) ^ hash ^ second, word(bytes.data() + 8, 8) ^ hash);
  }
  const std::size_t half = std::min<std::size_t>(bytes.size(), 8);
  const std::uint64_t low = half == 0 ? 0 : word(bytes.data(), half);
  const std::uint64_t high = bytes.size() <= 8 ? 0 : word(bytes.data() + 8, bytes.size() - 8);
  hash = folded_product(low ^ hash ^ second, high ^ hash);
  return folded_product(hash ^ first, size ^ second);
}

}  // namespace

void append_stamp(std::uint64_t stamp, std::string& bytes) { put_number(stamp, bytes); }

std::uint64_t stamp_of(std::string_view record) {
  return WireReader(record).number<std::uint64_t>();
}

std::string_view without_stamp(std::string_view record) {
  return record.size() < 8 ? std::string_view() : record.substr(8);
}

TableCore::TableCore(std::string name, TableOptions options, const Owners& owners,
                     std::size_t log_ring_bytes, HashSeeds hash_seeds,
                     std::function<void(Wake)> wake)
    : name_(std::move(name)),
      options_(options),
      owners_(owners),
      wake_(std::move(wake)),
      seeds_(hash_seeds),
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

// The product's low bits, which choose the shard, depend on those of the cluster's hash alone.
std::uint64_t TableCore::hash(std::string_view group) const {
  return hash_bytes(seeds_.cluster, group) * (seeds_.node | 1);
}

std::size_t TableCore::shard_of(std::string_view group) const { return hash(group) % shard_count; }

Result<Position> TableCore::put(std::string_view group, std::string_view member,
                                std::string_view record) {
  if (group.size() > key_part_bytes_max || member.size() > key_part_bytes_max ||
      record.size() > record_bytes_max) {
    return make_error_code(Errc::too_large);
  }
  const RecordView view{.owner = self_ref, .group = group, .member = member, .record = record};
  const std::uint64_t at = hash(group);
  Shard& shard = shard_for(at);
  Position position = 0;
  bool lost = false;
  {
    const auto lock = lock_to_write(shard);
    Change change;
    store(shard, at, view, own_totals_.epoch, change);
    position = log_.append({Entry::Operation::put, group, member, record});
    add(change, own_totals_);
    lost = options_.unique && !is_winner(shard.records, at, view);
  }
  if (lost) conflicts_.with([&](auto& all) { all.emplace_back(group, member); });
  wake_(lost ? Wake::at_once : Wake::for_write);
  return position;
}

Position TableCore::erase(std::string_view group, std::string_view member) {
  const RecordView view{.owner = self_ref, .group = group, .member = member, .record = {}};
  const std::uint64_t at = hash(group);
  Shard& shard = shard_for(at);
  Position position = 0;
  {
    const auto lock = lock_to_write(shard);
    Change change;
    if (!remove(shard, at, view, change, nullptr)) return log_.head();
    position = log_.append({Entry::Operation::erase, group, member, {}});
    add(change, own_totals_);
  }
  wake_(Wake::for_write);
  return position;
}

// Only who has to wait looks at the clock: two looks are a tenth of what a write costs.
std::unique_lock<std::shared_mutex> TableCore::lock_to_write(Shard& shard) {
  std::unique_lock lock(shard.mutex, std::try_to_lock);
  if (lock) return lock;
  const auto begun = std::chrono::steady_clock::now();
  lock.lock();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(
                        std::chrono::steady_clock::now() - begun)
                        .count();
  auto most = write_stall_max_us_.load(std::memory_order_relaxed);
  while (took > most && !write_stall_max_us_.compare_exchange_weak(most, took)) {
  }
  return lock;
}

void TableCore::add(const Change& change, OwnerTotals& totals) {
  if (change.records != 0) totals.records.fetch_add(change.records, std::memory_order_relaxed);
  if (change.bytes != 0) totals.bytes.fetch_add(change.bytes, std::memory_order_relaxed);
  if (change.sum != 0) totals.sum.fetch_add(change.sum, std::memory_order_relaxed);
}

// Whether it is new or differs from the one before.
bool TableCore::store(Shard& shard, std::uint64_t at, const RecordView& record, std::uint16_t epoch,
                      Change& change) {
  bool is_new = true;
  bool differs = true;
  shard.records.put(at, record, epoch, [&](std::string_view old_record) {
    is_new = false;
    differs = old_record != record.record;
    if (!differs) return;
    RecordView old = record;
    old.record = old_record;
    change.sum -= digest_of(old);
    change.bytes -= RecordShard::footprint(old);
  });
  if (!differs) return false;
  if (is_new) ++change.records;
  change.sum += digest_of(record);
  change.bytes += RecordShard::footprint(record);
  return true;
}

bool TableCore::remove(Shard& shard, std::uint64_t at, const RecordView& record, Change& change,
                       std::string* old_record) {
  return shard.records.erase(at, record, [&](std::string_view record_was) {
    RecordView old = record;
    old.record = record_was;
    --change.records;
    change.sum -= digest_of(old);
    change.bytes -= RecordShard::footprint(old);
    if (old_record != nullptr) old_record->assign(record_was);
  });
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
  bool is_settled = false;
  auto closed = waits_.with([&](Waits& waits) {
    if (waits.closed) return waits.closed;
    auto& all = waits.by_position;
    auto at = all.end();
    if (!all.empty() && position < all.back().position) {
      at = std::ranges::upper_bound(all, position, {}, &Wait::position);
    }
    all.insert(at, {.position = position, .deadline = deadline, .done = std::move(done)});
    waits.next_deadline = std::min(waits.next_deadline, deadline);
    is_settled = position <= waits.settled;
    return waits.closed;
  });
  if (closed) {
    done(closed);
  } else if (is_settled) {
    wake_(Wake::at_once);  // No ack will come for it.
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

void TableCore::settle_waits(Position acked, Deadline now, std::vector<EndedWait>& ended) {
  waits_.with([&](Waits& waits) {
    waits.settled = acked;
    auto& all = waits.by_position;
    for (; !all.empty() && all.front().position <= acked; all.pop_front()) {
      ended.push_back({.done = std::move(all.front().done), .error = {}});
    }
    if (now < waits.next_deadline) return;
    waits.next_deadline = Deadline::max();
    std::deque<Wait> in_time;
    for (Wait& wait : all) {
      if (wait.deadline <= now) {
        ended.push_back({.done = std::move(wait.done), .error = Errc::deadline_passed});
      } else {
        waits.next_deadline = std::min(waits.next_deadline, wait.deadline);
        in_time.push_back(std::move(wait));
      }
    }
    all.swap(in_time);
  });
}

void TableCore::fail_waits(boost::system::error_code error, std::vector<EndedWait>& ended) {
  waits_.with([&](Waits& waits) {
    waits.closed = error;
    for (Wait& wait : waits.by_position) ended.push_back({std::move(wait.done), error});
    waits.by_position.clear();
  });
}

}  // namespace replication
