#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/storage/document_store.h"

namespace server {

/// Documents of accounts that all exist, but for those named `nobody@…`. Answers at once.
class DocumentsInMemory final : public DocumentStore {
 public:
  asio::awaitable<Result<std::string>> load(xmpp::Jid account, std::string name) override {
    ++loads;
    if (name.size() > 1'023) co_return make_error_code(StorageErrc::too_long);
    if (is_away) co_return make_error_code(StorageErrc::unavailable);
    co_return document(account, name);
  }

  asio::awaitable<Result<std::vector<Document>>> load_all(xmpp::Jid account,
                                                          std::string prefix) override {
    if (is_away) co_return make_error_code(StorageErrc::unavailable);
    std::vector<Document> found;
    for (const auto& [key, content] : documents) {
      if (key.first == account.str() && key.second.starts_with(prefix) && !content.empty()) {
        found.push_back({key.second, content});
      }
    }
    co_return found;
  }

  asio::awaitable<Result<void>> edit(xmpp::Jid account, std::string name, Change change) override {
    if (is_away) co_return make_error_code(StorageErrc::unavailable);
    if (account.local() == "nobody") co_return make_error_code(StorageErrc::no_such_user);
    std::string content = document(account, name);
    if (const auto done = change(content); done.has_error()) co_return done.error();
    document(account, name) = content;
    co_return Result<void>();
  }

  asio::awaitable<Result<void>> remove_all(xmpp::Jid account, std::string prefix) override {
    if (is_away) co_return make_error_code(StorageErrc::unavailable);
    std::erase_if(documents, [&](const auto& entry) {
      return entry.first.first == account.str() && entry.first.second.starts_with(prefix);
    });
    co_return Result<void>();
  }

  std::map<std::pair<std::string, std::string>, std::string> documents;  // By account and name.
  bool is_away = false;
  int loads = 0;

 private:
  std::string& document(const xmpp::Jid& account, const std::string& name) {
    return documents[{std::string(account.str()), name}];
  }
};

}  // namespace server
