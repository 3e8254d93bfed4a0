#include "server/node/archive_expiry.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

namespace server {
namespace {

using namespace std::chrono_literals;

// What has expired is not shown, so that nobody sees when it goes.
constexpr std::chrono::milliseconds interval_min = 1s, interval_max = 1h;
constexpr std::chrono::nanoseconds rest_min = 5ms;

void rethrow(const std::exception_ptr& failure) {
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

ArchiveExpiry::ArchiveExpiry(Loop& loop, LoopCounters& counters, ArchiveStore& store,
                             Options options)
    : loop_(loop), counters_(counters), store_(store), options_(std::move(options)) {}

void ArchiveExpiry::start() { asio::co_spawn(loop_.executor(), run(), rethrow); }

asio::awaitable<void> ArchiveExpiry::run() {
  while (true) {
    co_await loop_.delay(std::clamp(options_.kept_for / 10, interval_min, interval_max));
    co_await go_round();
  }
}

asio::awaitable<void> ArchiveExpiry::go_round() {
  std::optional<xmpp::Jid> place;
  while (options_.is_ours()) {
    const auto begun = std::chrono::steady_clock::now();
    const auto step = co_await store_.expire(place);
    if (step.has_error()) co_return;  // Counted by the storage.
    counters_.archive_expired_messages.add(step->messages);
    counters_.archive_expiry_accounts.add(step->accounts);
    if (step->is_done) co_return;
    place = step->place;
    co_await loop_.delay(
        std::max<std::chrono::nanoseconds>(rest_min, std::chrono::steady_clock::now() - begun));
  }
}

}  // namespace server
