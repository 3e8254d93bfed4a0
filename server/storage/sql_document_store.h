#pragma once

#include "server/storage/document_store.h"
#include "server/storage/storage.h"

namespace server {

/// The documents in the node's storage, which outlives this.
class SqlDocumentStore final : public DocumentStore {
 public:
  explicit SqlDocumentStore(Storage& storage) : storage_(storage) {}

  asio::awaitable<Result<std::string>> load(xmpp::Jid account, std::string name) override;
  asio::awaitable<Result<std::vector<Document>>> load_all(xmpp::Jid account,
                                                          std::string prefix) override;
  asio::awaitable<Result<void>> edit(xmpp::Jid account, std::string name, Change change) override;
  asio::awaitable<Result<void>> remove_all(xmpp::Jid account, std::string prefix) override;

 private:
  Storage& storage_;
};

}  // namespace server
