#include "server/storage/archive_store.h"

#include <algorithm>
#include <array>
#include <utility>

#include "server/storage/retraction.h"

namespace server {
namespace {

constexpr std::size_t owners_max = 100'000;

// Each of these numbers of rows is a statement of its own, prepared once for each connection. What
// is between two of them is filled up with the last row, said again: one that is there stays. So
// all but the largest batches are one statement, which needs no transaction around it.
constexpr std::array<std::size_t, 15> sizes = {1,  2,  3,  4,  6,  8,   12, 16,
                                               24, 32, 48, 64, 96, 128, 256};

struct Row {
  xmpp::Jid owner;    // Bare.
  xmpp::Jid contact;  // As it stands in the message.
  MessageId id;
  std::string_view stanza;
};

std::string insert_of(std::size_t rows) {
  std::string text =
      "INSERT INTO archive (localpart, domainpart, arrived, origin,"
      " contact_local, contact_domain, contact_resource, stanza) VALUES ";
  for (std::size_t row = 0; row < rows; ++row) text += "(?, ?, ?, ?, ?, ?, ?, ?), ";
  text.resize(text.size() - 2);
  return text + " $else_nothing";
}

const std::string& insert_statement(std::size_t size) {
  static const std::array<std::string, sizes.size()> statements = [] {
    std::array<std::string, sizes.size()> made;
    std::ranges::transform(sizes, made.begin(), insert_of);
    return made;
  }();
  return statements[size];
}

void insert(SqlConnection& db, const std::vector<Row>& rows) {
  std::vector<SqlParameter> values;
  for (std::size_t done = 0; done < rows.size();) {
    const std::size_t left = std::min(rows.size() - done, sizes.back());
    const auto size =
        static_cast<std::size_t>(std::ranges::lower_bound(sizes, left) - sizes.begin());
    values.clear();
    for (std::size_t at = 0; at < sizes[size]; ++at) {
      const Row& row = rows[std::min(done + at, rows.size() - 1)];
      values.insert(values.end(), {row.owner.local(), row.owner.domain(), row.id.at, row.id.origin,
                                   row.contact.local(), row.contact.domain(),
                                   row.contact.resource(), SqlBytes{row.stanza}});
    }
    db.change(insert_statement(size), SqlParameters(values));
    done += left;
  }
}

std::string document(SqlConnection& db, const xmpp::Jid& account, std::string_view name) {
  const auto rows =
      db.query("SELECT content FROM documents WHERE localpart = ? AND domainpart = ? AND name = ?",
               {account.local(), account.domain(), name});
  return rows->next() ? rows->text(0) : std::string();
}

}  // namespace

ArchiveStore::ArchiveStore(Storage& storage, ContactsOf contacts_of,
                           std::chrono::microseconds kept_for)
    : storage_(storage), contacts_of_(std::move(contacts_of)), kept_for_(kept_for) {}

void ArchiveStore::forget_prefs(const xmpp::Jid& account) {
  const std::lock_guard lock(mutex_);
  owners_.erase(std::string(account.bare_str()));
}

// Null for an account that does not exist; that is not remembered, as it may come to be.
std::shared_ptr<const ArchiveStore::Owner> ArchiveStore::owner(SqlConnection& db,
                                                               const xmpp::Jid& account) {
  const Clock::time_point now = Clock::now();
  const std::string key(account.bare_str());
  {
    const std::lock_guard lock(mutex_);
    const auto known = owners_.find(key);
    if (known != owners_.end() && now - known->second->known_since < prefs_age_max) {
      return known->second;
    }
  }
  auto found = std::make_shared<Owner>();
  found->known_since = now;
  {
    const auto rows = db.query(
        "SELECT COALESCE(content, '') FROM users LEFT JOIN documents"
        " ON documents.localpart = users.localpart AND documents.domainpart = users.domainpart"
        " AND documents.name = ? WHERE users.localpart = ? AND users.domainpart = ?",
        {std::string_view(ArchivePrefs::document_name), account.local(), account.domain()});
    if (!rows->next()) return nullptr;
    found->prefs = ArchivePrefs::read(rows->text(0));
  }
  if (auto list = BlockList::parse(document(db, account, BlockList::document_name))) {
    found->blocked = *std::move(list);
  }
  if (found->prefs.by_default == ArchivePrefs::Default::roster) {
    found->contacts = contacts_of_(document(db, account, "roster"));
    std::ranges::sort(found->contacts);
  }
  const std::lock_guard lock(mutex_);
  if (owners_.size() >= owners_max) owners_.clear();
  owners_[key] = found;
  return found;
}

// hardening S12
bool ArchiveStore::wants(SqlConnection& db, const xmpp::Jid& account, const xmpp::Jid& contact) {
  const auto owner = this->owner(db, account);
  if (!owner) return false;
  const bool is_itself = contact.bare_str() == account.bare_str();  // XEP-0191 §4
  if (!is_itself && owner->blocked.blocks(contact)) return false;
  if (const auto wanted = owner->prefs.wants(contact)) return *wanted;
  return std::ranges::binary_search(owner->contacts, contact.bare_str());
}

asio::awaitable<Result<std::vector<ArchivedFor>>> ArchiveStore::append(
    std::vector<ArchivedMessage> messages) {
  using Answer = Result<std::vector<ArchivedFor>>;
  const bool is_one_statement = 2 * messages.size() <= sizes.back();
  auto work = [this, messages = std::move(messages)](SqlConnection& db) -> Answer {
    std::vector<ArchivedFor> outcomes;
    std::vector<Row> rows;
    outcomes.reserve(messages.size());
    rows.reserve(2 * messages.size());
    const auto take = [&](const xmpp::Jid& owner, const xmpp::Jid& contact,
                          const ArchivedMessage& message) {
      if (!wants(db, owner, contact)) return false;
      rows.push_back({owner, contact, message.id, message.stanza});
      return true;
    };
    for (const ArchivedMessage& message : messages) {
      ArchivedFor& outcome = outcomes.emplace_back();
      outcome.recipient = take(message.to, message.from, message);
      // What somebody says to himself is one message of one archive.
      const bool is_own = message.from.bare_str() == message.to.bare_str();
      outcome.sender = is_own ? outcome.recipient : take(message.from, message.to, message);
      outcome.is_retraction =
          (outcome.sender || outcome.recipient) && retraction_in(message.stanza);
    }
    // Rows of one owner are neighbours; and nodes that meet in their rows wait in one direction.
    std::ranges::stable_sort(rows, {}, [](const Row& row) { return row.owner.bare_str(); });
    insert(db, rows);
    return outcomes;
  };
  if (is_one_statement) {
    co_return co_await storage_.run("archive_append", Repeat::safe, std::move(work));
  }
  co_return co_await storage_.transact("archive_append", Repeat::safe, std::move(work));
}

}  // namespace server
