// How ArchiveStore deletes what is older than it is to be kept.

#include <algorithm>
#include <utility>

#include "server/storage/archive_store.h"

namespace server {
namespace {

// A statement of some milliseconds, whose locks nobody else needs: messages come at an archive's
// other end.
constexpr std::uint64_t piece = 500;

// Most accounts have nothing to delete.
constexpr std::uint64_t accounts_at_once = 200;

std::vector<xmpp::Jid> accounts_after(SqlConnection& db, const std::optional<xmpp::Jid>& place) {
  const xmpp::Jid first = place.value_or(xmpp::Jid());
  const auto rows = db.query(
      "SELECT localpart, domainpart FROM users WHERE localpart >= ?"
      " AND (localpart > ? OR domainpart > ?) ORDER BY localpart, domainpart LIMIT ?",
      {first.local(), first.local(), first.domain(), accounts_at_once});
  std::vector<xmpp::Jid> accounts;
  while (rows->next()) {
    auto account = xmpp::Jid::make(rows->text(0), rows->text(1));
    if (account) accounts.push_back(*std::move(account));
  }
  return accounts;
}

/// The last of the oldest `piece` messages that came before `cutoff`; 0 for none.
std::uint64_t end_of_piece(SqlConnection& db, const xmpp::Jid& account, std::uint64_t cutoff) {
  const auto rows = db.query(
      "SELECT arrived FROM archive WHERE localpart = ? AND domainpart = ? AND arrived < ?"
      " ORDER BY arrived, origin LIMIT ?",
      {account.local(), account.domain(), cutoff, piece});
  std::uint64_t last = 0;
  while (rows->next()) last = rows->number(0);
  return last;
}

}  // namespace

std::uint64_t ArchiveStore::oldest_kept() const {
  if (kept_for_.count() == 0) return 0;
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  return static_cast<std::uint64_t>(
      std::max(now - kept_for_, std::chrono::microseconds(0)).count());
}

asio::awaitable<Result<ArchiveExpiryStep>> ArchiveStore::expire(std::optional<xmpp::Jid> place) {
  auto work = [place = std::move(place),
               cutoff = oldest_kept()](SqlConnection& db) -> Result<ArchiveExpiryStep> {
    ArchiveExpiryStep step{.place = place};
    const std::vector<xmpp::Jid> accounts = accounts_after(db, place);
    for (const xmpp::Jid& account : accounts) {
      const std::uint64_t last = end_of_piece(db, account, cutoff);
      if (last != 0) {
        step.messages +=
            db.change("DELETE FROM archive WHERE localpart = ? AND domainpart = ? AND arrived <= ?",
                      {account.local(), account.domain(), last});
        if (step.messages >= piece) return step;  // It may have more.
      }
      step.place = account;
      ++step.accounts;
    }
    step.is_done = accounts.size() < accounts_at_once;
    return step;
  };
  return storage_.run("archive_expire", Repeat::safe, std::move(work));
}

}  // namespace server
