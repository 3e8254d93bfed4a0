// How ArchiveStore takes messages back.

#include <algorithm>
#include <utility>

#include "server/storage/archive_store.h"
#include "server/storage/retraction.h"
#include "xmpp/escape.h"

namespace server {
namespace {

// Of the two's conversation: the text of each is looked at, by the database. People take back what
// they have just said.
constexpr std::uint64_t messages_searched = 10'000;
constexpr std::uint64_t matches_max = 20;  // Other texts may hold the id, too.

/// When the oldest message that is searched came.
std::uint64_t search_from(SqlConnection& db, const xmpp::Jid& owner, const xmpp::Jid& contact) {
  const auto rows = db.query(
      "SELECT arrived FROM archive WHERE localpart = ? AND domainpart = ? AND contact_local = ?"
      " ORDER BY arrived DESC, origin DESC LIMIT 1 OFFSET ?",
      {owner.local(), owner.domain(), contact.local(), messages_searched});
  return rows->next() ? rows->number(0) : 0;
}

struct Found {
  MessageId id;
  std::string tombstone;
};

std::optional<Found> find(SqlConnection& db, const xmpp::Jid& owner, const xmpp::Jid& contact,
                          const ArchivedMessage& message, const Retraction& retraction) {
  const std::string written = xmpp::escape_attr(retraction.target);
  const auto rows = db.query(
      "SELECT arrived, origin, stanza FROM archive WHERE localpart = ? AND domainpart = ?"
      " AND contact_local = ? AND contact_domain = ? AND arrived >= ? AND arrived <= ?"
      " AND INSTR(stanza, ?) > 0 ORDER BY arrived DESC, origin DESC LIMIT ?",
      {owner.local(), owner.domain(), contact.local(), contact.domain(),
       search_from(db, owner, contact), message.id.at, SqlBytes{written}, matches_max});
  while (rows->next()) {
    const std::string archived = rows->text(2);
    switch (look_for(retraction, message.from, archived)) {
      case Retractable::no:
        break;
      case Retractable::is_gone:
        return std::nullopt;
      case Retractable::yes:
        return Found{{rows->number(0), rows->number(1)},
                     tombstone_of(archived, retraction, message.id.at)};
    }
  }
  return std::nullopt;
}

bool retract(SqlConnection& db, const xmpp::Jid& owner, const xmpp::Jid& contact,
             const ArchivedMessage& message, const Retraction& retraction) {
  const auto found = find(db, owner, contact, message, retraction);
  if (!found) return false;
  db.change(
      "UPDATE archive SET stanza = ? WHERE localpart = ? AND domainpart = ? AND arrived = ?"
      " AND origin = ?",
      {SqlBytes{found->tombstone}, owner.local(), owner.domain(), found->id.at, found->id.origin});
  return true;
}

}  // namespace

asio::awaitable<Result<std::size_t>> ArchiveStore::retract(ArchivedMessage message) {
  auto work = [message = std::move(message)](SqlConnection& db) -> Result<std::size_t> {
    const auto retraction = retraction_in(message.stanza);
    if (!retraction) return std::size_t{0};
    std::size_t done = server::retract(db, message.to, message.from, message, *retraction) ? 1 : 0;
    if (message.from.bare_str() != message.to.bare_str()) {
      done += server::retract(db, message.from, message.to, message, *retraction) ? 1 : 0;
    }
    return done;
  };
  return storage_.transact("archive_retract", Repeat::safe, std::move(work));
}

}  // namespace server
