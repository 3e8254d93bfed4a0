#include "server/storage/offline_store.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "server/storage/blocked_sender.h"

namespace server {
namespace {

constexpr std::uint64_t accounts_max = 10'000;

/// What of an account's limits is taken.
struct Fill {
  std::uint64_t messages = 0, bytes = 0;
};

// The account's row is the lock of all its messages: whoever changes or claims some has it.
bool lock_account(SqlConnection& db, std::string_view local, std::string_view domain) {
  return db
      .query("SELECT 1 FROM users WHERE localpart = ? AND domainpart = ? $for_update",
             {local, domain})
      ->next();
}

Fill fill_of(SqlConnection& db, std::string_view local, std::string_view domain) {
  const auto rows = db.query(
      "SELECT COUNT(*), COALESCE(SUM(LENGTH(stanza)), 0) FROM offline_messages"
      " WHERE localpart = ? AND domainpart = ?",
      {local, domain});
  if (!rows->next()) return {};
  return {.messages = rows->number(0), .bytes = rows->number(1)};
}

void put(SqlConnection& db, const OfflineChange& change) {
  db.change(
      "REPLACE INTO offline_messages (localpart, domainpart, arrived, origin, holder, stanza)"
      " VALUES (?, ?, ?, ?, ?, ?)",
      {change.local, change.domain, change.id.at, change.id.origin, change.holder,
       SqlBytes{change.stanza}});
}

/// The changes of one transaction. Accounts are locked in their order, whatever that of the
/// changes, so that two nodes never wait for each other.
class Changes {
 public:
  Changes(SqlConnection& db, const OfflineLimits& limits, const std::vector<OfflineChange>& changes)
      : db_(db), limits_(limits) {
    std::set<std::pair<std::string, std::string>> accounts;
    for (const OfflineChange& change : changes) accounts.emplace(change.local, change.domain);
    for (const auto& account : accounts) {
      std::optional<Fill>& fill = fills_[account];
      if (lock_account(db_, account.first, account.second)) {
        fill = fill_of(db_, account.first, account.second);
      }
    }
  }

  OfflineOutcome make(const OfflineChange& change) {
    switch (change.what) {
      case OfflineChange::What::keep:
        return keep(change);
      case OfflineChange::What::release:
        db_.change(
            "UPDATE offline_messages SET holder = '' WHERE localpart = ? AND domainpart = ?"
            " AND arrived = ? AND origin = ? AND holder = ?",
            {change.local, change.domain, change.id.at, change.id.origin, change.holder});
        return OfflineOutcome::done;
      case OfflineChange::What::remove:
        db_.change(
            "DELETE FROM offline_messages WHERE localpart = ? AND domainpart = ?"
            " AND arrived = ? AND origin = ?",
            {change.local, change.domain, change.id.at, change.id.origin});
        return OfflineOutcome::done;
    }
    return OfflineOutcome::done;
  }

 private:
  OfflineOutcome keep(const OfflineChange& change) {
    std::optional<Fill>& fill = fills_[{change.local, change.domain}];
    if (!fill) return OfflineOutcome::no_account;
    // What a node holds has passed its router, which knows the lists of who is logged in.
    if (change.holder.empty() && blocks(db_, change.local, change.domain, change.sender)) {
      return OfflineOutcome::blocked;
    }
    const bool has_room = fill->messages < limits_.messages_max &&
                          fill->bytes + change.stanza.size() <= limits_.bytes_max;
    if (!has_room && !is_kept(change)) return OfflineOutcome::full;
    put(db_, change);
    ++fill->messages;
    fill->bytes += change.stanza.size();
    return OfflineOutcome::done;
  }

  bool is_kept(const OfflineChange& change) {
    return db_
        .query(
            "SELECT 1 FROM offline_messages WHERE localpart = ? AND domainpart = ?"
            " AND arrived = ? AND origin = ?",
            {change.local, change.domain, change.id.at, change.id.origin})
        ->next();
  }

  SqlConnection& db_;
  const OfflineLimits& limits_;
  std::map<std::pair<std::string, std::string>, std::optional<Fill>> fills_;
};

}  // namespace

OfflineStore::OfflineStore(Storage& storage, OfflineLimits limits,
                           std::function<bool(const std::string& holder)> is_alive)
    : storage_(storage), limits_(limits), is_alive_(std::move(is_alive)) {}

asio::awaitable<Result<std::vector<OfflineOutcome>>> OfflineStore::apply(
    std::vector<OfflineChange> changes) {
  using Answer = Result<std::vector<OfflineOutcome>>;
  auto work = [this, changes = std::move(changes)](SqlConnection& db) -> Answer {
    Changes transaction(db, limits_, changes);
    std::vector<OfflineOutcome> outcomes;
    outcomes.reserve(changes.size());
    for (const OfflineChange& change : changes) outcomes.push_back(transaction.make(change));
    return outcomes;
  };
  return storage_.transact("offline_apply", Repeat::safe, std::move(work));
}

asio::awaitable<Result<std::vector<OfflineMessage>>> OfflineStore::claim(std::string local,
                                                                         std::string domain,
                                                                         std::string holder) {
  using Answer = Result<std::vector<OfflineMessage>>;
  auto work = [this, local = std::move(local), domain = std::move(domain),
               holder = std::move(holder)](SqlConnection& db) -> Answer {
    std::vector<OfflineMessage> claimed;
    if (!lock_account(db, local, domain)) return claimed;
    const auto rows = db.query(
        "SELECT arrived, origin, holder, stanza FROM offline_messages"
        " WHERE localpart = ? AND domainpart = ? ORDER BY arrived, origin",
        {local, domain});
    while (rows->next()) {
      const std::string held_by = rows->text(2);
      if (!held_by.empty() && is_alive_(held_by)) continue;
      claimed.push_back({{rows->number(0), rows->number(1)}, rows->text(3)});
    }
    for (const OfflineMessage& message : claimed) {
      db.change(
          "UPDATE offline_messages SET holder = ? WHERE localpart = ? AND domainpart = ?"
          " AND arrived = ? AND origin = ?",
          {holder, local, domain, message.id.at, message.id.origin});
    }
    return claimed;
  };
  // Done a second time it would find its own claims of the first, and leave them to that one.
  return storage_.transact("offline_claim", Repeat::unsafe, std::move(work));
}

asio::awaitable<Result<std::vector<std::string>>> OfflineStore::accounts_held_by(
    std::string holder) {
  using Answer = Result<std::vector<std::string>>;
  auto work = [holder = std::move(holder)](SqlConnection& db) -> Answer {
    const auto rows = db.query(
        "SELECT DISTINCT localpart, domainpart FROM offline_messages WHERE holder = ? LIMIT ?",
        {holder, accounts_max});
    std::vector<std::string> accounts;
    while (rows->next()) accounts.push_back(rows->text(0) + "@" + rows->text(1));
    return accounts;
  };
  return storage_.run("offline_held_by", Repeat::safe, std::move(work));
}

}  // namespace server
