#include "server/storage/pooled_user_store.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "xmpp/escape.h"

namespace server {
namespace {

constexpr std::size_t key_bytes_max = 1'023;  // RFC 7622 §3.3 and §3.2, and the columns'.
constexpr std::size_t page_max = 1'000;

using boost::system::error_code;

// Refused here, before any database could cut, pad or re-code it. hardening Q3, Q4
error_code check_key(std::string_view key) {
  if (key.size() > key_bytes_max) return make_error_code(StorageErrc::too_long);
  const bool is_sound = !key.empty() && key.back() != ' ' &&
                        key.find('\0') == std::string_view::npos && xmpp::is_utf8(key);
  return is_sound ? error_code() : make_error_code(StorageErrc::bad_key);
}

error_code check_keys(std::string_view local, std::string_view domain) {
  const error_code refusal = check_key(local);
  return refusal ? refusal : check_key(domain);
}

template <class T>
error_code error_of(const Result<T>& result) {
  return result.has_error() ? result.error() : error_code();
}

BlockingPoolOptions reporting(BlockingPoolOptions options, StorageEvents& events) {
  options.on_waited = [&events](std::chrono::nanoseconds wait) { events.job_waited(wait); };
  return options;
}

}  // namespace

PooledUserStore::PooledUserStore(std::string kind, std::unique_ptr<UserDatabase> database,
                                 BlockingPoolOptions pool, StorageEvents& events)
    : kind_(std::move(kind)),
      database_(std::move(database)),
      events_(events),
      pool_(reporting(std::move(pool), events)) {}

PooledUserStore::~PooledUserStore() { stop(); }

void PooledUserStore::stop() {
  pool_.stop();
  database_->close();
}

template <class Work>
asio::awaitable<std::invoke_result_t<Work&>> PooledUserStore::call(std::string_view statement,
                                                                   error_code refusal, Work work) {
  using Answer = std::invoke_result_t<Work&>;
  if (!refusal && !database_->available()) refusal = make_error_code(StorageErrc::unavailable);
  if (refusal) {
    count(refusal);
    co_return failure<Answer>(refusal);
  }
  auto timed = [this, statement, work = std::move(work)]() mutable {
    const auto begun = std::chrono::steady_clock::now();
    Answer answer = work();
    events_.statement_done(statement, std::chrono::steady_clock::now() - begun, error_of(answer));
    return answer;
  };
  Answer answer = co_await pool_.run(std::move(timed));
  if (answer.has_error()) count(answer.error());
  co_return answer;
}

void PooledUserStore::count(error_code error) {
  events_.call_failed(error);
  if (error.category() != storage_category()) return;
  errors_.at(static_cast<std::size_t>(error.value())).fetch_add(1, std::memory_order_relaxed);
}

asio::awaitable<Result<std::optional<Credentials>>> PooledUserStore::find(std::string local,
                                                                          std::string domain) {
  const error_code refusal = check_keys(local, domain);
  auto work = [this, local = std::move(local), domain = std::move(domain)] {
    return database_->find(local, domain);
  };
  co_return co_await call("find", refusal, std::move(work));
}

asio::awaitable<Result<bool>> PooledUserStore::exists(std::string local, std::string domain) {
  const error_code refusal = check_keys(local, domain);
  auto work = [this, local = std::move(local), domain = std::move(domain)] {
    return database_->exists(local, domain);
  };
  co_return co_await call("exists", refusal, std::move(work));
}

asio::awaitable<Result<void>> PooledUserStore::create(std::string local, std::string domain,
                                                      Credentials credentials) {
  const error_code refusal = check_keys(local, domain);
  auto work = [this, local = std::move(local), domain = std::move(domain),
               credentials = std::move(credentials)] {
    return database_->create(local, domain, credentials);
  };
  co_return co_await call("create", refusal, std::move(work));
}

asio::awaitable<Result<void>> PooledUserStore::set_credentials(std::string local,
                                                               std::string domain,
                                                               Credentials credentials) {
  const error_code refusal = check_keys(local, domain);
  auto work = [this, local = std::move(local), domain = std::move(domain),
               credentials = std::move(credentials)] {
    return database_->set_credentials(local, domain, credentials);
  };
  co_return co_await call("set_credentials", refusal, std::move(work));
}

asio::awaitable<Result<void>> PooledUserStore::remove(std::string local, std::string domain) {
  const error_code refusal = check_keys(local, domain);
  auto work = [this, local = std::move(local), domain = std::move(domain)] {
    return database_->remove(local, domain);
  };
  co_return co_await call("remove", refusal, std::move(work));
}

asio::awaitable<Result<std::vector<std::string>>> PooledUserStore::list(std::string domain,
                                                                        std::string after,
                                                                        std::size_t limit) {
  const error_code refusal = after.empty() ? check_key(domain) : check_keys(after, domain);
  auto work = [this, domain = std::move(domain), after = std::move(after),
               limit = std::min(limit, page_max)] { return database_->list(domain, after, limit); };
  co_return co_await call("list", refusal, std::move(work));
}

UserStore::Status PooledUserStore::status() const {
  const UserDatabase::Health health = database_->health();
  const BlockingPool::Load load = pool_.load();
  Status status{.kind = kind_,
                .connections_busy = health.connections_busy,
                .connections_idle = health.connections_idle,
                .jobs_waiting = load.waiting,
                .jobs_running = load.running,
                .jobs_refused = load.refused,
                .schema_version = health.schema_version,
                .last_failure = health.last_failure,
                .errors = {}};
  for (const auto& [code, name] : storage_error_names()) {
    status.errors[std::string(name)] =
        errors_.at(static_cast<std::size_t>(code)).load(std::memory_order_relaxed);
  }
  return status;
}

}  // namespace server
