#include "server/storage/sql_document_store.h"

#include <cassert>
#include <utility>

#include "server/storage/key.h"

namespace server {
namespace {

using boost::system::error_code;

constexpr std::size_t document_bytes_max = 16'777'215;  // Of a MEDIUMBLOB.

error_code check_names(const xmpp::Jid& account, std::string_view name) {
  if (const error_code refusal = check_key(account.local())) return refusal;
  if (const error_code refusal = check_key(account.domain())) return refusal;
  return check_key(name);
}

/// The least text that is greater than all that begin with `prefix`, which ends in a sign.
std::string after_all(std::string prefix) {
  assert(!prefix.empty() && prefix.back() >= ' ' && prefix.back() < '~');
  ++prefix.back();
  return prefix;
}

}  // namespace

asio::awaitable<Result<std::string>> SqlDocumentStore::load(xmpp::Jid account, std::string name) {
  auto work = [account = std::move(account),
               name = std::move(name)](SqlConnection& db) -> Result<std::string> {
    if (const error_code refusal = check_names(account, name)) return refusal;
    const auto rows = db.query(
        "SELECT content FROM documents WHERE localpart = ? AND domainpart = ? AND name = ?",
        {account.local(), account.domain(), name});
    return rows->next() ? rows->text(0) : std::string();
  };
  return storage_.run("load_document", Repeat::safe, std::move(work));
}

asio::awaitable<Result<std::vector<DocumentStore::Document>>> SqlDocumentStore::load_all(
    xmpp::Jid account, std::string prefix) {
  using Answer = Result<std::vector<Document>>;
  auto work = [account = std::move(account),
               prefix = std::move(prefix)](SqlConnection& db) -> Answer {
    if (const error_code refusal = check_names(account, prefix)) return refusal;
    const std::string end = after_all(prefix);
    const auto rows = db.query(
        "SELECT name, content FROM documents WHERE localpart = ? AND domainpart = ?"
        " AND name >= ? AND name < ? ORDER BY name",
        {account.local(), account.domain(), prefix, end});
    std::vector<Document> documents;
    while (rows->next()) documents.push_back({rows->text(0), rows->text(1)});
    return documents;
  };
  return storage_.run("load_documents", Repeat::safe, std::move(work));
}

asio::awaitable<Result<void>> SqlDocumentStore::edit(xmpp::Jid account, std::string name,
                                                     Change change) {
  auto work = [account = std::move(account), name = std::move(name),
               change = std::move(change)](SqlConnection& db) -> Result<void> {
    if (const error_code refusal = check_names(account, name)) return refusal;
    // The account's row is the lock: the documents need not be there.
    if (!db.query("SELECT 1 FROM users WHERE localpart = ? AND domainpart = ? $for_update",
                  {account.local(), account.domain()})
             ->next()) {
      return make_error_code(StorageErrc::no_such_user);
    }
    std::string content;
    {
      const auto rows = db.query(
          "SELECT content FROM documents WHERE localpart = ? AND domainpart = ? AND name = ?",
          {account.local(), account.domain(), name});
      if (rows->next()) content = rows->text(0);
    }
    const std::string before = content;
    if (auto changed = change(content); changed.has_error()) return changed;
    if (content == before) return {};
    if (content.size() > document_bytes_max) return make_error_code(StorageErrc::too_long);
    if (content.empty()) {
      db.change("DELETE FROM documents WHERE localpart = ? AND domainpart = ? AND name = ?",
                {account.local(), account.domain(), name});
    } else {
      db.change(
          "REPLACE INTO documents (localpart, domainpart, name, content, changed)"
          " VALUES (?, ?, ?, ?, $now)",
          {account.local(), account.domain(), name, SqlBytes{content}});
    }
    return {};
  };
  return storage_.transact("edit_document", Repeat::unsafe, std::move(work));
}

asio::awaitable<Result<void>> SqlDocumentStore::remove_all(xmpp::Jid account, std::string prefix) {
  auto work = [account = std::move(account),
               prefix = std::move(prefix)](SqlConnection& db) -> Result<void> {
    if (const error_code refusal = check_names(account, prefix)) return refusal;
    const std::string end = after_all(prefix);
    db.change(
        "DELETE FROM documents WHERE localpart = ? AND domainpart = ?"
        " AND name >= ? AND name < ?",
        {account.local(), account.domain(), prefix, end});
    return {};
  };
  return storage_.run("remove_documents", Repeat::safe, std::move(work));
}

}  // namespace server
