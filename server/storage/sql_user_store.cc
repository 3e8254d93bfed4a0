#include "server/storage/sql_user_store.h"

#include <algorithm>
#include <utility>

#include "server/storage/account_rows.h"
#include "server/storage/key.h"

namespace server {
namespace {

constexpr std::size_t page_max = 1'000;

// Rows of an archive that are deleted by one statement.
constexpr std::uint64_t archive_piece = 1'000;

using boost::system::error_code;

error_code check_keys(std::string_view local, std::string_view domain) {
  const error_code refusal = check_key(local);
  return refusal ? refusal : check_key(domain);
}

}  // namespace

asio::awaitable<Result<std::optional<Credentials>>> SqlUserStore::find(std::string local,
                                                                       std::string domain) {
  using Answer = Result<std::optional<Credentials>>;
  auto work = [local = std::move(local), domain = std::move(domain)](SqlConnection& db) -> Answer {
    if (const error_code refusal = check_keys(local, domain)) return refusal;
    return find_account(db, local, domain);
  };
  return storage_.run("find", Repeat::safe, std::move(work));
}

asio::awaitable<Result<bool>> SqlUserStore::exists(std::string local, std::string domain) {
  auto work = [local = std::move(local),
               domain = std::move(domain)](SqlConnection& db) -> Result<bool> {
    if (const error_code refusal = check_keys(local, domain)) return failure<Result<bool>>(refusal);
    return db.query("SELECT 1 FROM users WHERE localpart = ? AND domainpart = ?", {local, domain})
        ->next();
  };
  return storage_.run("exists", Repeat::safe, std::move(work));
}

asio::awaitable<Result<void>> SqlUserStore::create(std::string local, std::string domain,
                                                   Credentials credentials) {
  auto work = [local = std::move(local), domain = std::move(domain),
               credentials = std::move(credentials)](SqlConnection& db) -> Result<void> {
    if (const error_code refusal = check_keys(local, domain)) return refusal;
    insert_account(db, credentials, local, domain);
    return {};
  };
  // Made twice, the second would find the account of the first and call it somebody else's.
  return storage_.transact("create", Repeat::unsafe, std::move(work));
}

asio::awaitable<Result<void>> SqlUserStore::set_credentials(std::string local, std::string domain,
                                                            Credentials credentials) {
  auto work = [local = std::move(local), domain = std::move(domain),
               credentials = std::move(credentials)](SqlConnection& db) -> Result<void> {
    if (const error_code refusal = check_keys(local, domain)) return refusal;
    if (!update_account(db, credentials, local, domain)) {
      return make_error_code(StorageErrc::no_such_user);
    }
    return {};
  };
  return storage_.run("set_credentials", Repeat::safe, std::move(work));
}

// An archive may be larger than one statement's time allows: it goes first, in pieces. The account
// is there until all of it is gone.
asio::awaitable<Result<void>> SqlUserStore::remove_archive(std::string local, std::string domain) {
  const auto work = [=](SqlConnection& db) -> Result<std::uint64_t> {
    if (const error_code refusal = check_keys(local, domain)) return refusal;
    std::uint64_t last_of_piece = INT64_MAX;
    {
      const auto rows = db.query(
          "SELECT arrived FROM archive WHERE localpart = ? AND domainpart = ?"
          " ORDER BY arrived, origin LIMIT 1 OFFSET ?",
          {local, domain, archive_piece});
      if (rows->next()) last_of_piece = rows->number(0);
    }
    return db.change("DELETE FROM archive WHERE localpart = ? AND domainpart = ? AND arrived <= ?",
                     {local, domain, last_of_piece});
  };
  while (true) {
    const auto removed = co_await storage_.run("remove_archive", Repeat::safe, work);
    if (removed.has_error()) co_return removed.error();
    if (*removed == 0) co_return Result<void>();
  }
}

asio::awaitable<Result<void>> SqlUserStore::remove(std::string local, std::string domain) {
  if (auto done = co_await remove_archive(local, domain); done.has_error()) co_return done;
  auto work = [local = std::move(local),
               domain = std::move(domain)](SqlConnection& db) -> Result<void> {
    if (const error_code refusal = check_keys(local, domain)) return refusal;
    const auto met =
        db.change("DELETE FROM users WHERE localpart = ? AND domainpart = ?", {local, domain});
    if (met == 0) return make_error_code(StorageErrc::no_such_user);
    // hardening Q8: nobody who registers the name again gets what was meant for another, or was
    // his.
    db.change("DELETE FROM offline_messages WHERE localpart = ? AND domainpart = ?",
              {local, domain});
    db.change("DELETE FROM documents WHERE localpart = ? AND domainpart = ?", {local, domain});
    db.change("DELETE FROM login_tokens WHERE localpart = ? AND domainpart = ?", {local, domain});
    db.change("DELETE FROM archive WHERE localpart = ? AND domainpart = ?", {local, domain});
    return {};
  };
  co_return co_await storage_.transact("remove", Repeat::unsafe, std::move(work));
}

asio::awaitable<Result<std::vector<std::string>>> SqlUserStore::list(std::string domain,
                                                                     std::string after,
                                                                     std::size_t limit) {
  using Answer = Result<std::vector<std::string>>;
  auto work = [domain = std::move(domain), after = std::move(after),
               limit = std::min(limit, page_max)](SqlConnection& db) -> Answer {
    const error_code refusal = after.empty() ? check_key(domain) : check_keys(after, domain);
    if (refusal) return refusal;
    const auto rows = db.query(
        "SELECT localpart FROM users WHERE domainpart = ? AND localpart > ?"
        " ORDER BY localpart LIMIT ?",
        {domain, after, limit});
    std::vector<std::string> locals;
    while (rows->next()) locals.push_back(rows->text(0));
    return locals;
  };
  return storage_.run("list", Repeat::safe, std::move(work));
}

}  // namespace server
