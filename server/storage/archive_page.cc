// What ArchiveStore finds again.

#include <algorithm>
#include <utility>

#include "server/storage/archive_store.h"

namespace server {
namespace {

/// The messages that a query is about: none before `low` or after `high` in microseconds, and of
/// those none up to `after` or from `before` on.
struct Bounds {
  std::uint64_t low, high;
  MessageId after, before{.at = INT64_MAX, .origin = 0};

  explicit Bounds(const ArchiveRange& range)
      : low(range.first),
        high(std::min<std::uint64_t>(range.last, INT64_MAX)),
        after(std::max(range.after, range.page_after)) {
    for (const MessageId id : {range.before, range.page_before}) {
      if (id) before = std::min(before, id);
    }
    low = std::max(low, after.at);
    high = std::min(high, before.at);
  }
};

enum class By { owner, contact, resource };

By selection_of(const ArchiveRange& range) {
  if (!range.contact) return By::owner;
  return range.contact->is_bare() ? By::contact : By::resource;
}

std::string where(By by) {
  std::string text =
      " FROM archive WHERE localpart = ? AND domainpart = ? AND arrived >= ? AND arrived <= ?"
      " AND (arrived > ? OR origin > ?) AND (arrived < ? OR origin < ?)";
  if (by != By::owner) text += " AND contact_local = ? AND contact_domain = ?";
  if (by == By::resource) text += " AND contact_resource = ?";
  return text;
}

std::vector<SqlParameter> values_of(const xmpp::Jid& account, const ArchiveRange& range) {
  const Bounds bounds(range);
  std::vector<SqlParameter> values = {account.local(),  account.domain(),    bounds.low,
                                      bounds.high,      bounds.after.at,     bounds.after.origin,
                                      bounds.before.at, bounds.before.origin};
  const By by = selection_of(range);
  if (by != By::owner) {
    values.insert(values.end(), {range.contact->local(), range.contact->domain()});
  }
  if (by == By::resource) values.emplace_back(range.contact->resource());
  return values;
}

bool has(SqlConnection& db, const xmpp::Jid& account, MessageId id) {
  return db
      .query(
          "SELECT 1 FROM archive WHERE localpart = ? AND domainpart = ? AND arrived = ?"
          " AND origin = ?",
          {account.local(), account.domain(), id.at, id.origin})
      ->next();
}

std::uint64_t count(SqlConnection& db, const xmpp::Jid& account, const ArchiveRange& range) {
  const std::string statement = "SELECT COUNT(*)" + where(selection_of(range));
  const auto rows = db.query(statement, SqlParameters(values_of(account, range)));
  return rows->next() ? rows->number(0) : 0;
}

/// Fills a page up to its limits, from rows in the direction of paging.
void fill(ArchivePage& page, SqlRows& rows, const ArchivePageOptions& options) {
  std::size_t bytes = 0;
  while (rows.next()) {
    std::string stanza = rows.text(2);
    bytes += stanza.size();
    const bool is_full = page.messages.size() == options.messages_max ||
                         (bytes > options.bytes_max && !page.messages.empty());
    if (is_full) return;
    page.messages.push_back({{rows.number(0), rows.number(1)}, std::move(stanza)});
  }
  page.is_complete = true;
}

ArchivePage read_range(SqlConnection& db, const xmpp::Jid& account, const ArchiveRange& range,
                       const ArchivePageOptions& options) {
  ArchivePage page;
  if (options.messages_max == 0) {
    page.count = count(db, account, range);
    page.is_complete = page.count == 0;
    return page;
  }
  const std::string direction = options.from_end ? " DESC" : "";
  const std::string statement = "SELECT arrived, origin, stanza" + where(selection_of(range)) +
                                " ORDER BY arrived" + direction + ", origin" + direction +
                                " LIMIT ?";
  std::vector<SqlParameter> values = values_of(account, range);
  values.emplace_back(std::uint64_t{options.messages_max + 1});  // Whether there are more.
  const auto rows = db.query(statement, SqlParameters(values));
  fill(page, *rows, options);
  if (options.from_end) std::ranges::reverse(page.messages);
  return page;
}

/// The messages with the ids of the range, as a page of their own order.
ArchivePage read_ids(SqlConnection& db, const xmpp::Jid& account, const ArchiveRange& range,
                     const ArchivePageOptions& options) {
  const Bounds bounds(range);
  std::vector<MessageId> ids = range.ids;
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  std::erase_if(ids, [&](MessageId id) {
    return id <= bounds.after || id >= bounds.before || id.at < bounds.low;
  });
  ArchivePage page;
  if (options.messages_max == 0) {
    page.count = ids.size();
    page.is_complete = ids.empty();
    return page;
  }
  if (options.from_end) std::ranges::reverse(ids);
  std::size_t bytes = 0;
  for (const MessageId id : ids) {
    const auto rows = db.query(
        "SELECT stanza FROM archive WHERE localpart = ? AND domainpart = ? AND arrived = ?"
        " AND origin = ?",
        {account.local(), account.domain(), id.at, id.origin});
    if (!rows->next()) continue;
    std::string stanza = rows->text(0);
    bytes += stanza.size();
    const bool is_full = page.messages.size() == options.messages_max ||
                         (bytes > options.bytes_max && !page.messages.empty());
    if (is_full) break;
    page.messages.push_back({id, std::move(stanza)});
    page.is_complete = id == ids.back();
  }
  if (ids.empty()) page.is_complete = true;
  if (options.from_end) std::ranges::reverse(page.messages);
  return page;
}

std::optional<MessageId> end_of(SqlConnection& db, const xmpp::Jid& account, std::uint64_t first,
                                std::string_view statement) {
  const auto rows = db.query(statement, {account.local(), account.domain(), first});
  if (!rows->next()) return std::nullopt;
  return MessageId{rows->number(0), rows->number(1)};
}

}  // namespace

asio::awaitable<Result<ArchivePage>> ArchiveStore::page(xmpp::Jid account, ArchiveRange range,
                                                        ArchivePageOptions options) {
  range.first = std::max(range.first, oldest_kept());
  auto work = [account = std::move(account), range = std::move(range),
               options](SqlConnection& db) -> Result<ArchivePage> {
    std::vector<MessageId> named = range.ids;
    for (const MessageId id : {range.after, range.before, range.page_after, range.page_before}) {
      if (id) named.push_back(id);
    }
    for (const MessageId id : named) {
      if (!has(db, account, id)) return make_error_code(StorageErrc::not_found);
    }
    return range.ids.empty() ? read_range(db, account, range, options)
                             : read_ids(db, account, range, options);
  };
  return storage_.run("archive_page", Repeat::safe, std::move(work));
}

asio::awaitable<Result<std::optional<ArchiveEnds>>> ArchiveStore::ends(xmpp::Jid account) {
  using Answer = Result<std::optional<ArchiveEnds>>;
  auto work = [account = std::move(account), oldest = oldest_kept()](SqlConnection& db) -> Answer {
    const auto first = end_of(db, account, oldest,
                              "SELECT arrived, origin FROM archive WHERE localpart = ?"
                              " AND domainpart = ? AND arrived >= ?"
                              " ORDER BY arrived, origin LIMIT 1");
    const auto last = end_of(db, account, oldest,
                             "SELECT arrived, origin FROM archive WHERE localpart = ?"
                             " AND domainpart = ? AND arrived >= ?"
                             " ORDER BY arrived DESC, origin DESC LIMIT 1");
    if (!first || !last) return std::optional<ArchiveEnds>();
    return std::optional(ArchiveEnds{*first, *last});
  };
  return storage_.run("archive_ends", Repeat::safe, std::move(work));
}

}  // namespace server
