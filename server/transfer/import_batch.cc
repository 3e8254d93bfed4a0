#include "server/transfer/import_batch.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "server/storage/account_rows.h"

namespace server {
namespace {

Result<std::optional<Credentials>> find(SqlConnection& db, const xmpp::Jid& account) {
  return find_account(db, account.local(), account.domain());
}

bool has_keys(const Credentials& credentials) { return credentials.sha1 || credentials.sha256; }

}  // namespace

void ImportBatch::add(AccountRow row) { rows_.emplace_back(std::move(row)); }

void ImportBatch::add(DocumentRow row) {
  bytes_ += row.content.size();
  rows_.emplace_back(std::move(row));
}

void ImportBatch::add(MessageRow row) {
  bytes_ += row.message.stanza.size();
  rows_.emplace_back(std::move(row));
}

Result<void> ImportBatch::write(MovedCounts& counts) {
  if (const auto derived = derive_keys(); derived.has_error()) return derived;
  MovedCounts written;
  const auto done = database_.transact(Repeat::safe, [&](SqlConnection& db) -> Result<void> {
    written = MovedCounts();
    for (const Row& row : rows_) {
      const auto done =
          std::visit([&](const auto& some) { return write_row(db, some, written); }, row);
      if (done.has_error()) return done;
    }
    return {};
  });
  if (done.has_error()) return done;
  counts.add(written);
  rows_.clear();
  bytes_ = 0;
  return {};
}

// Some 10 ms of hashing each, so only for accounts that lack them, and on all cores.
Result<void> ImportBatch::derive_keys() {
  std::vector<AccountRow*> wanting;
  const auto found = database_.run(Repeat::safe, [&](SqlConnection& db) -> Result<void> {
    wanting.clear();
    for (Row& row : rows_) {
      auto* account = std::get_if<AccountRow>(&row);
      if (account == nullptr || !account->password) continue;
      const auto known = find(db, account->account);
      if (known.has_error()) return known.error();
      if (replaces_ || !*known || !has_keys(**known)) wanting.push_back(account);
    }
    return {};
  });
  if (found.has_error()) return found;

  std::vector<char> is_refused(wanting.size(), 0);
  {
    std::atomic<std::size_t> next = 0;
    const auto derive = [&] {
      for (std::size_t i = next++; i < wanting.size(); i = next++) {
        auto made = derive_credentials(wanting[i]->password->reveal());
        if (made.has_error()) {
          is_refused[i] = 1;
        } else {
          wanting[i]->keys = *std::move(made);
        }
      }
    };
    const std::size_t threads =
        std::min<std::size_t>(wanting.size(), std::max(1U, std::thread::hardware_concurrency()));
    std::vector<std::jthread> workers;
    for (std::size_t i = 1; i < threads; ++i) workers.emplace_back(derive);
    derive();
  }
  for (std::size_t i = 0; i < wanting.size(); ++i) {
    if (is_refused[i] != 0) refuse_(*wanting[i], "its password cannot be one (RFC 4013)");
    wanting[i]->password.reset();
  }
  return {};
}

Result<void> ImportBatch::write_row(SqlConnection& db, const AccountRow& row,
                                    MovedCounts& counts) const {
  const auto known = find(db, row.account);
  if (known.has_error()) return known.error();
  const std::uint64_t counted = row.is_counted ? 1 : 0;
  MovedCount& count = counts[Moved::account];
  if (!*known) {
    insert_account(db, row.keys, row.account.local(), row.account.domain());
    count.moved += counted;
  } else if (has_keys(row.keys) && (replaces_ || !has_keys(**known))) {
    update_account(db, row.keys, row.account.local(), row.account.domain());
    count.moved += counted;
  } else {
    count.was_there += counted;
  }
  return {};
}

Result<void> ImportBatch::write_row(SqlConnection& db, const DocumentRow& row,
                                    MovedCounts& counts) const {
  MovedCount& count = counts[row.what];
  const auto& [local, domain] = std::pair(row.account.local(), row.account.domain());
  const std::string_view name = row.name;
  const bool is_there =
      db.query("SELECT 1 FROM documents WHERE localpart = ? AND domainpart = ? AND name = ?",
               {local, domain, name})
          ->next();
  if (is_there && !replaces_) {
    ++count.was_there;
    return {};
  }
  db.change(
      "REPLACE INTO documents (localpart, domainpart, name, content, changed)"
      " VALUES (?, ?, ?, ?, $now)",
      {local, domain, name, SqlBytes{row.content}});
  ++count.moved;
  return {};
}

Result<void> ImportBatch::write_row(SqlConnection& db, const MessageRow& row,
                                    MovedCounts& counts) const {
  MovedCount& count = counts[row.what];
  const auto& [id, from, to, stanza] = row.message;
  const auto& [local, domain] = std::pair(row.account.local(), row.account.domain());
  const bool is_archived = row.what == Moved::archived_message;
  const std::string_view look =
      is_archived ? "SELECT 1 FROM archive WHERE localpart = ? AND domainpart = ?"
                    " AND arrived = ? AND origin = ?"
                  : "SELECT 1 FROM offline_messages WHERE localpart = ? AND domainpart = ?"
                    " AND arrived = ? AND origin = ?";
  if (db.query(look, {local, domain, id.at, id.origin})->next()) {
    ++count.was_there;
    return {};
  }
  ++count.moved;
  if (!is_archived) {
    db.change(
        "INSERT INTO offline_messages (localpart, domainpart, arrived, origin, holder, stanza)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        {local, domain, id.at, id.origin, std::string_view(), SqlBytes{stanza}});
    return {};
  }
  const xmpp::Jid& contact = from.bare_str() == row.account.str() ? to : from;
  db.change(
      "INSERT INTO archive (localpart, domainpart, arrived, origin, contact_local, contact_domain,"
      " contact_resource, stanza) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      {local, domain, id.at, id.origin, contact.local(), contact.domain(), contact.resource(),
       SqlBytes{stanza}});
  return {};
}

}  // namespace server
