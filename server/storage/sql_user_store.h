#pragma once

#include "server/storage/storage.h"
#include "server/storage/user_store.h"

namespace server {

/// The accounts in the node's storage, which outlives this.
class SqlUserStore final : public UserStore {
 public:
  explicit SqlUserStore(Storage& storage) : storage_(storage) {}

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

 private:
  asio::awaitable<Result<void>> remove_archive(std::string local, std::string domain);

  Storage& storage_;
};

}  // namespace server
