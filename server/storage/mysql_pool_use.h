#pragma once

#include <cppconn/exception.h>

#include "server/storage/mysql_pool.h"

// MysqlPool::use, apart from its header so that only those who make calls see the connector.

namespace server {

class MysqlPool::Lease {
 public:
  explicit Lease(MysqlPool& pool) : pool_(pool) {}
  ~Lease() { pool_.give_back(std::move(session_)); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  /// A session that answers, or an exception. One that had been idle is asked first where its
  /// having gone away could not be told from the call's own failure.
  MysqlSession& open(Repeat repeat) {
    session_ = pool_.take();
    was_idle_ = session_ != nullptr;
    if (was_idle_ && repeat == Repeat::unsafe && !session_->answers()) session_.reset();
    if (!session_) session_ = std::make_unique<MysqlSession>(pool_.address_);
    begun_ = Clock::now();
    return *session_;
  }

  void drop() { session_.reset(); }
  [[nodiscard]] bool is_open() const { return session_ != nullptr; }
  [[nodiscard]] bool was_idle() const { return was_idle_; }
  [[nodiscard]] Clock::time_point begun() const { return begun_; }

 private:
  MysqlPool& pool_;
  std::unique_ptr<MysqlSession> session_;
  bool was_idle_ = false;
  Clock::time_point begun_ = Clock::now();
};

template <class Work>
auto MysqlPool::use(Repeat repeat, Work work) -> decltype(work(std::declval<MysqlSession&>())) {
  using Answer = decltype(work(std::declval<MysqlSession&>()));
  thread_local const discovery::MysqlThread client_library;
  for (int tries = 1;; ++tries) {
    if (!available()) return failure<Answer>(StorageErrc::unavailable);
    Lease lease(*this);
    try {
      return work(lease.open(repeat));
    } catch (const sql::SQLException& error) {
      const Verdict verdict = judge(lease, error, repeat, tries);
      if (verdict.next == Next::fail) return failure<Answer>(verdict.error);
    }
  }
}

}  // namespace server
