#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string_view>

#include "server/storage/blocking_pool.h"
#include "server/storage/events.h"
#include "server/storage/user_database.h"
#include "server/storage/user_store.h"

namespace server {

/// A UserStore that makes its calls to a UserDatabase on threads of its own.
class PooledUserStore final : public UserStore {
 public:
  /// `kind` is what status() calls it. `events` must live as long.
  PooledUserStore(std::string kind, std::unique_ptr<UserDatabase> database,
                  BlockingPoolOptions pool, StorageEvents& events);
  ~PooledUserStore() override;

  asio::awaitable<Result<std::optional<Credentials>>> find(std::string local,
                                                           std::string domain) override;
  asio::awaitable<Result<bool>> exists(std::string local, std::string domain) override;
  asio::awaitable<Result<void>> create(std::string local, std::string domain,
                                       Credentials credentials) override;
  asio::awaitable<Result<void>> set_credentials(std::string local, std::string domain,
                                                Credentials credentials) override;
  asio::awaitable<Result<void>> remove(std::string local, std::string domain) override;
  asio::awaitable<Result<std::vector<std::string>>> list(std::string domain, std::string after,
                                                         std::size_t limit) override;
  bool available() const override { return database_->available(); }
  Status status() const override;
  void stop() override;

 private:
  /// Runs `work`, which returns a Result, on the pool, if `refusal` says nothing else and the
  /// database is there; times and counts it.
  template <class Work>
  asio::awaitable<std::invoke_result_t<Work&>> call(std::string_view statement,
                                                    boost::system::error_code refusal, Work work);
  void count(boost::system::error_code error);

  const std::string kind_;
  const std::unique_ptr<UserDatabase> database_;
  StorageEvents& events_;
  BlockingPool pool_;
  std::array<std::atomic<std::uint64_t>, 16> errors_{};  // By StorageErrc.
};

}  // namespace server
