#include "server/storage/mysql_pool.h"

#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <cppconn/prepared_statement.h>
#include <cppconn/statement.h>

#include <algorithm>

#include "server/storage/mysql_pool_use.h"
#include "server/storage/schema.h"

namespace server {
namespace {

using std::chrono::milliseconds;

// Of those that wait for each other's rows one goes on each time, and the others start again.
constexpr int contention_tries_max = 20;

}  // namespace

MysqlSession::MysqlSession(const discovery::MysqlAddress& address)
    : connection_(discovery::open_mysql(address)) {
  // A row lock that is not given in time is an error of that statement, before the time limit of
  // the answer makes it one of the connection.
  const auto seconds = std::max<std::int64_t>(1, address.query_timeout.count() / 2'000);
  execute(("SET SESSION innodb_lock_wait_timeout = " + std::to_string(seconds)).c_str());
}

MysqlSession::~MysqlSession() = default;

sql::PreparedStatement& MysqlSession::statement(std::string_view text) {
  const auto known = statements_.find(text);
  if (known != statements_.end()) return *known->second;
  std::unique_ptr<sql::PreparedStatement> prepared(
      connection_->prepareStatement(in_dialect(text, SqlDialect::mysql)));
  return *statements_.emplace(text, std::move(prepared)).first->second;
}

void MysqlSession::execute(const char* text) {
  std::unique_ptr<sql::Statement> statement(connection_->createStatement());
  statement->execute(text);
}

void MysqlSession::roll_back() noexcept {
  try {
    execute("ROLLBACK");
  } catch (const sql::SQLException&) {
    return;  // The connection is lost, and the transaction with it.
  }
}

bool MysqlSession::answers() {
  try {
    execute("DO 1");
    return true;
  } catch (const sql::SQLException&) {
    return false;
  }
}

MysqlPool::MysqlPool(discovery::MysqlAddress address, milliseconds retry_interval,
                     StorageEvents& events)
    : address_(std::move(address)),
      retry_interval_(retry_interval),
      events_(events),
      watcher_([this] { watch(); }) {}

MysqlPool::~MysqlPool() { close(); }

void MysqlPool::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    wake_.notify_all();
  }
  if (watcher_.joinable()) watcher_.join();
  drop_idle();
}

bool MysqlPool::available() const {
  const std::lock_guard lock(mutex_);
  return !lost_since_;
}

MysqlPool::State MysqlPool::state() const {
  const std::lock_guard lock(mutex_);
  return {.available = !lost_since_,
          .busy = busy_,
          .idle = idle_.size(),
          .last_failure = last_failure_};
}

std::unique_ptr<MysqlSession> MysqlPool::take() {
  const std::lock_guard lock(mutex_);
  ++busy_;
  if (idle_.empty()) return nullptr;
  std::unique_ptr<MysqlSession> session = std::move(idle_.back());
  idle_.pop_back();
  return session;
}

void MysqlPool::give_back(std::unique_ptr<MysqlSession> session) {
  const std::lock_guard lock(mutex_);
  --busy_;
  if (session) idle_.push_back(std::move(session));
}

void MysqlPool::drop_idle() {
  std::vector<std::unique_ptr<MysqlSession>> dropped;  // Closed without the lock: it takes a trip.
  {
    const std::lock_guard lock(mutex_);
    dropped.swap(idle_);
  }
}

std::string MysqlPool::words(const sql::SQLException& error) const {
  return discovery::describe(address_) + ": " + error.what() + " (error " +
         std::to_string(error.getErrorCode()) + ")";
}

MysqlPool::Verdict MysqlPool::judge(Lease& lease, const sql::SQLException& error, Repeat repeat,
                                    int tries) {
  using discovery::MysqlFault;
  switch (discovery::mysql_fault(error)) {
    case MysqlFault::duplicate_key:
      return {Next::fail, StorageErrc::conflict};
    case MysqlFault::too_long:
      return {Next::fail, StorageErrc::too_long};
    case MysqlFault::contention:
      if (tries < contention_tries_max) return {Next::again, StorageErrc::unavailable};
      return {Next::fail, StorageErrc::unavailable};
    case MysqlFault::access_denied:
      if (lease.is_open()) {  // A right to do this one thing is missing; others may work.
        note_failure(words(error));
        events_.database_error(make_error_code(StorageErrc::access_denied), words(error));
        return {Next::fail, StorageErrc::access_denied};
      }
      report_lost(StorageErrc::access_denied, words(error));
      return {Next::fail, StorageErrc::access_denied};
    case MysqlFault::broken:
      lease.drop();
      note_failure(words(error));
      events_.database_error(make_error_code(StorageErrc::broken), words(error));
      return {Next::fail, StorageErrc::broken};
    case MysqlFault::unavailable:
      break;
  }
  lease.drop();
  // A session that had been idle may have been closed by the server meanwhile, by its time limit
  // or a restart; the others then are gone too. A new one tells whether the server is there. An
  // answer that took its time is another matter: it would take as long again.
  const bool at_once = Clock::now() - lease.begun() < address_.query_timeout / 2;
  if (lease.was_idle() && at_once && repeat == Repeat::safe && tries == 1) {
    drop_idle();
    return {Next::again, StorageErrc::unavailable};
  }
  report_lost(StorageErrc::unavailable, words(error));
  return {Next::fail, StorageErrc::unavailable};
}

void MysqlPool::note_failure(const std::string& detail) {
  const std::lock_guard lock(mutex_);
  last_failure_ = detail;
}

void MysqlPool::report_lost(StorageErrc error, const std::string& detail) {
  {
    const std::lock_guard lock(mutex_);
    last_failure_ = detail;
    if (lost_since_) return;
    lost_since_ = Clock::now();
    wake_.notify_all();
  }
  drop_idle();
  events_.database_lost(make_error_code(error), detail);
}

// Ends an outage: tries to open a session every now and then, and offers it to the callers.
void MysqlPool::watch() {
  const discovery::MysqlThread client_library;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return closing_ || lost_since_; });
    wake_.wait_for(lock, retry_interval_, [this] { return closing_; });
    if (closing_) return;
    lock.unlock();
    std::unique_ptr<MysqlSession> session;
    std::string failure;
    try {
      session = std::make_unique<MysqlSession>(address_);
    } catch (const sql::SQLException& error) {
      failure = words(error);
    }
    lock.lock();
    if (!session) {
      last_failure_ = failure;
      continue;
    }
    idle_.push_back(std::move(session));
    const auto outage = std::chrono::duration_cast<milliseconds>(Clock::now() - *lost_since_);
    lost_since_.reset();
    lock.unlock();
    events_.database_back(outage);
    lock.lock();
  }
}

}  // namespace server
