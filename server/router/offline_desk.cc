#include "server/router/offline_desk.h"

#include <boost/asio/co_spawn.hpp>
#include <iterator>
#include <utility>

namespace server {
namespace {

// A transaction's, so that no statement of it keeps an account's row for long.
constexpr std::size_t batch_max = 100;

// Stanzas that wait for the database, of one loop; one more is refused as if it were away.
constexpr std::size_t waiting_bytes_max = 16 << 20;

// What a coroutine of the desk throws is a fault of the program: the loop ends with it.
void rethrow(const std::exception_ptr& failure) {
  if (failure) std::rethrow_exception(failure);
}

std::size_t bytes_of(const OfflineChange& change) { return change.stanza.size(); }

}  // namespace

OfflineDesk::OfflineDesk(Loop& loop, OfflineStore& store, std::string holder)
    : loop_(loop), store_(store), holder_(std::move(holder)) {}

void OfflineDesk::keep(const xmpp::Jid& account, const xmpp::Jid& sender, MessageId id,
                       xmpp::SharedText stanza, bool is_held, Kept done) {
  if (waiting_bytes_ + stanza.size() > waiting_bytes_max) {
    return done(make_error_code(StorageErrc::busy), OfflineOutcome::done);
  }
  add({.change = {.what = OfflineChange::What::keep,
                  .local = std::string(account.local()),
                  .domain = std::string(account.domain()),
                  .id = id,
                  .holder = is_held ? holder_ : std::string(),
                  .sender = sender,
                  .stanza = std::move(stanza)},
       .done = std::move(done)});
}

void OfflineDesk::release(const xmpp::Jid& account, MessageId id, std::function<void()> done) {
  add({.change = {.what = OfflineChange::What::release,
                  .local = std::string(account.local()),
                  .domain = std::string(account.domain()),
                  .id = id,
                  .holder = holder_},
       .done = [done = std::move(done)](boost::system::error_code, OfflineOutcome) { done(); }});
}

void OfflineDesk::remove(const xmpp::Jid& account, MessageId id) {
  add({.change = {.what = OfflineChange::What::remove,
                  .local = std::string(account.local()),
                  .domain = std::string(account.domain()),
                  .id = id}});
}

void OfflineDesk::claim(const xmpp::Jid& account, Claimed done) {
  asio::co_spawn(loop_.executor(), claim_for(account, std::move(done)), rethrow);
}

void OfflineDesk::on_tick() { write_next(); }

void OfflineDesk::add(Pending pending) {
  waiting_bytes_ += bytes_of(pending.change);
  waiting_.push_back(std::move(pending));
  write_next();
}

void OfflineDesk::write_next() {
  if (is_writing_ || waiting_.empty()) return;
  is_writing_ = true;
  std::vector<Pending> batch;
  while (!waiting_.empty() && batch.size() < batch_max) {
    waiting_bytes_ -= bytes_of(waiting_.front().change);
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  asio::co_spawn(loop_.executor(), write(std::move(batch)), rethrow);
}

asio::awaitable<void> OfflineDesk::write(std::vector<Pending> batch) {
  std::vector<OfflineChange> changes;
  changes.reserve(batch.size());
  for (const Pending& pending : batch) changes.push_back(pending.change);
  const auto outcomes = co_await store_.apply(std::move(changes));
  is_writing_ = false;
  if (outcomes.has_error()) {
    std::vector<Pending> again;
    for (Pending& pending : batch) {
      if (pending.change.what == OfflineChange::What::keep) continue;
      again.push_back({.change = pending.change, .done = std::exchange(pending.done, nullptr)});
    }
    waiting_.insert(waiting_.begin(), std::make_move_iterator(again.begin()),
                    std::make_move_iterator(again.end()));
  }
  for (std::size_t at = 0; at < batch.size(); ++at) {
    if (!batch[at].done) continue;
    if (outcomes.has_error()) {
      batch[at].done(outcomes.error(), OfflineOutcome::done);
    } else {
      batch[at].done({}, (*outcomes)[at]);
    }
  }
  if (outcomes.has_value()) write_next();  // Else the next tick does.
}

asio::awaitable<void> OfflineDesk::claim_for(xmpp::Jid account, Claimed done) {
  auto messages =
      co_await store_.claim(std::string(account.local()), std::string(account.domain()), holder_);
  done(std::move(messages));
}

}  // namespace server
