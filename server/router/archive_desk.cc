#include "server/router/archive_desk.h"

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <iterator>
#include <utility>

namespace server {
namespace {

// A transaction's: some tens of milliseconds of a database's time, and well below what one of its
// packets may hold.
constexpr std::size_t batch_max = 500;
constexpr std::size_t batch_bytes_max = 1 << 20;

// Nobody sees an ack come so much later; the database sees fewer commits.
constexpr auto batch_interval = std::chrono::milliseconds(5);

// More at once nobody takes back who means it: what they take back stays in the archives.
constexpr std::size_t retractions_max = 100;

// A batch that fails is a fault of the database, which is waited for, or of the program.
void rethrow(const std::exception_ptr& failure) {
  if (failure) std::rethrow_exception(failure);
}

std::size_t memory_of(const ArchivedMessage& message) {
  return sizeof message + message.from.str().size() + message.to.str().size() +
         message.stanza.size();
}

}  // namespace

ArchiveDesk::ArchiveDesk(Loop& loop, LoopCounters& counters, ArchiveStore& store)
    : loop_(loop), counters_(counters), store_(store) {}

void ArchiveDesk::keep(ArchivedMessage message, std::uint64_t number) {
  waiting_bytes_ += memory_of(message);
  counters_.archive_queue_records.raise(1);
  waiting_.push_back({std::move(message), number});
  write_next();
}

// Whether the next batch has to wait for its time, and then begins by itself.
bool ArchiveDesk::gathers() {
  if (is_gathering_) return true;
  const auto now = std::chrono::steady_clock::now();
  if (now >= next_batch_at_) {
    next_batch_at_ = now + batch_interval;
    return false;
  }
  is_gathering_ = true;
  loop_.after(next_batch_at_ - now, [this] {
    is_gathering_ = false;
    write_next();
  });
  return true;
}

void ArchiveDesk::write_next() {
  if (is_writing_ || waiting_.empty() || gathers()) return;
  is_writing_ = true;
  std::vector<Pending> batch;
  for (std::size_t bytes = 0; !waiting_.empty() && batch.size() < batch_max;) {
    bytes += memory_of(waiting_.front().message);
    if (bytes > batch_bytes_max && !batch.empty()) break;
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  asio::co_spawn(loop_.executor(), write(std::move(batch)), rethrow);
}

asio::awaitable<void> ArchiveDesk::write(std::vector<Pending> batch) {
  std::vector<ArchivedMessage> messages;
  messages.reserve(batch.size());
  for (const Pending& pending : batch) messages.push_back(pending.message);
  const auto begun = std::chrono::steady_clock::now();
  const auto written = co_await store_.append(std::move(messages));
  is_writing_ = false;
  if (written.has_error()) {  // Counted by the storage.
    waiting_.insert(waiting_.begin(), std::make_move_iterator(batch.begin()),
                    std::make_move_iterator(batch.end()));
    co_return;  // The next tick tries again.
  }
  counters_.archive_write_duration.observe(std::chrono::steady_clock::now() - begun);
  write_next();
  for (std::size_t at = 0; at < batch.size(); ++at) {
    const ArchivedFor& where = (*written)[at];
    counters_.archived_messages.add(static_cast<std::uint64_t>(where.sender) +
                                    static_cast<std::uint64_t>(where.recipient));
    if (where.is_retraction && retractions_.size() < retractions_max) {
      retractions_.push_back({std::move(batch[at]), where});
    } else {
      end(batch[at], where);
    }
  }
  retract_next();
  tell_of_room_if_any();
}

void ArchiveDesk::end(const Pending& pending, ArchivedFor where) {
  waiting_bytes_ -= memory_of(pending.message);
  counters_.archive_queue_records.lower(1);
  if (pending.number != 0) written_(pending.number, where);
}

void ArchiveDesk::tell_of_room_if_any() {
  if (waiting_bytes_ > full_bytes / 2) return;
  for (const SessionId session : std::exchange(waiting_sessions_, {})) has_room_(session);
}

// Beside the batches: looking for what is taken back may take long, and concerns nobody else.
void ArchiveDesk::retract_next() {
  if (is_retracting_ || retractions_.empty()) return;
  is_retracting_ = true;
  Retraction next = std::move(retractions_.front());
  retractions_.pop_front();
  asio::co_spawn(loop_.executor(), retract(std::move(next)), rethrow);
}

asio::awaitable<void> ArchiveDesk::retract(Retraction retraction) {
  const auto done = co_await store_.retract(retraction.pending.message);
  is_retracting_ = false;
  if (done.has_error() &&
      (done.error() == StorageErrc::unavailable || done.error() == StorageErrc::busy)) {
    retractions_.push_front(std::move(retraction));
    co_return;  // The next tick tries again.
  }
  if (done.has_value()) counters_.archive_tombstones.add(*done);
  retract_next();
  end(retraction.pending, retraction.where);
  tell_of_room_if_any();
}

}  // namespace server
