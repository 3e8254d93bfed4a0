#include "server/storage/schema.h"

#include <array>
#include <utility>

namespace server {
namespace {

struct Word {
  std::string_view name, mysql, sqlite;
};

// Keys are byte strings in MySQL: no collation folds case or accents or pads blanks (Q3), the
// limit is in bytes as RFC 7622's is, and two of them fit into one index (3,072 bytes), which two
// utf8mb4 columns of that length would not.
constexpr std::array<Word, 13> words = {{
    {"$key", "VARBINARY(1023)", "TEXT COLLATE BINARY"},
    {"$bytes", "VARBINARY(255)", "BLOB"},
    {"$blob", "MEDIUMBLOB", "BLOB"},
    {"$count", "INT UNSIGNED", "INTEGER"},
    {"$number", "BIGINT UNSIGNED", "INTEGER"},
    {"$time", "DATETIME(6)", "TEXT"},
    {"$now", "UTC_TIMESTAMP(6)", "strftime('%Y-%m-%d %H:%M:%f', 'now')"},
    {"$for_update", "FOR UPDATE", ""},
    {"$index_of_holder", ", INDEX (holder)", ""},
    {"$index_of_contact", ", INDEX (localpart, domainpart, contact_local)", ""},
    {"$own_index_of_contact", "",
     "CREATE INDEX IF NOT EXISTS archive_by_contact"
     " ON archive (localpart, domainpart, contact_local)"},
    {"$else_nothing", "ON DUPLICATE KEY UPDATE origin = origin", "ON CONFLICT DO NOTHING"},
    {"$table", "ENGINE=InnoDB ROW_FORMAT=DYNAMIC", "STRICT, WITHOUT ROWID"},
}};

constexpr std::string_view create_versions =
    "CREATE TABLE IF NOT EXISTS schema_version ("
    " version $count NOT NULL PRIMARY KEY,"
    " applied $time NOT NULL"
    ") $table";

// Led by the user, so that the table can be spread over several databases by it.
constexpr std::string_view create_users =
    "CREATE TABLE IF NOT EXISTS users ("
    " localpart $key NOT NULL,"
    " domainpart $key NOT NULL,"
    " sha1_salt $bytes NOT NULL,"
    " sha1_iterations $count NOT NULL,"
    " sha1_stored_key $bytes NOT NULL,"
    " sha1_server_key $bytes NOT NULL,"
    " sha256_salt $bytes NOT NULL,"
    " sha256_iterations $count NOT NULL,"
    " sha256_stored_key $bytes NOT NULL,"
    " sha256_server_key $bytes NOT NULL,"
    " created $time NOT NULL,"
    " changed $time NOT NULL,"
    " PRIMARY KEY (localpart, domainpart)"
    ") $table";

// The order of the key is that of delivery. `holder` is empty or names a node; what it holds is
// looked for when it has died, which a node that stands alone does not live to see.
constexpr std::string_view create_offline_messages =
    "CREATE TABLE IF NOT EXISTS offline_messages ("
    " localpart $key NOT NULL,"
    " domainpart $key NOT NULL,"
    " arrived $number NOT NULL,"
    " origin $number NOT NULL,"
    " holder $key NOT NULL,"
    " stanza $blob NOT NULL,"
    " PRIMARY KEY (localpart, domainpart, arrived, origin)"
    " $index_of_holder"
    ") $table";

// Three keys are 3,069 of the 3,072 bytes that an index may have.
constexpr std::string_view create_documents =
    "CREATE TABLE IF NOT EXISTS documents ("
    " localpart $key NOT NULL,"
    " domainpart $key NOT NULL,"
    " name $key NOT NULL,"
    " content $blob NOT NULL,"
    " changed $time NOT NULL,"
    " PRIMARY KEY (localpart, domainpart, name)"
    ") $table";

// The order of the key is that of the archive; its rows lie together by their owner. The contact is
// whom the message is from or to; the index by it has the rest of the key behind it, on both
// databases.
constexpr std::string_view create_archive =
    "CREATE TABLE IF NOT EXISTS archive ("
    " localpart $key NOT NULL,"
    " domainpart $key NOT NULL,"
    " arrived $number NOT NULL,"
    " origin $number NOT NULL,"
    " contact_local $key NOT NULL,"
    " contact_domain $key NOT NULL,"
    " contact_resource $key NOT NULL,"
    " stanza $blob NOT NULL,"
    " PRIMARY KEY (localpart, domainpart, arrived, origin)"
    " $index_of_contact"
    ") $table";

// Of tokens only what is of no use alone: see TokenStore. `slot` is 0 for the one in use.
constexpr std::string_view create_login_tokens =
    "CREATE TABLE IF NOT EXISTS login_tokens ("
    " localpart $key NOT NULL,"
    " domainpart $key NOT NULL,"
    " client $bytes NOT NULL,"
    " slot $count NOT NULL,"
    " mechanism $bytes NOT NULL,"
    " seed $bytes NOT NULL,"
    " expires $number NOT NULL,"
    " used $number NOT NULL,"
    " PRIMARY KEY (localpart, domainpart, client, slot)"
    ") $table";

Result<void> apply(SchemaTarget& target, const Migration& step) {
  for (const std::string_view statement : step.statements) {
    const std::string text = in_dialect(statement, target.dialect());
    if (text.empty()) continue;  // The other database's alone.
    auto done = target.execute(text);
    if (done.has_error()) return done;
  }
  return target.execute(in_dialect("INSERT INTO schema_version (version, applied) VALUES (" +
                                       std::to_string(step.version) + ", $now)",
                                   target.dialect()));
}

Result<SchemaVersions> update_locked(SchemaTarget& target) {
  auto made = target.execute(in_dialect(create_versions, target.dialect()));
  if (made.has_error()) return made.error();
  const Result<int> found = target.version();
  if (found.has_error()) return found.error();
  SchemaVersions versions{.found = *found, .now = *found};
  for (const Migration& step : migrations()) {
    if (step.version <= versions.now) continue;
    auto applied = apply(target, step);
    if (applied.has_error()) {
      // The lock of MySQL does not reach over a Galera cluster's nodes. There the version's unique
      // row tells that another node was faster; its statements were the same as ours.
      const Result<int> now = target.version();
      if (now.has_error() || *now < step.version) return applied.error();
    }
    versions.now = step.version;
  }
  return versions;
}

}  // namespace

const std::vector<Migration>& migrations() {
  static const std::vector<Migration> steps = {
      {.version = 1, .what = "accounts", .statements = {create_users}},
      {.version = 2, .what = "offline messages", .statements = {create_offline_messages}},
      {.version = 3, .what = "what accounts keep", .statements = {create_documents}},
      {.version = 4,
       .what = "message archives",
       .statements = {create_archive, "$own_index_of_contact"}},
      {.version = 5, .what = "login tokens", .statements = {create_login_tokens}},
  };
  return steps;
}

int schema_version() { return migrations().back().version; }

std::string in_dialect(std::string_view statement, SqlDialect dialect) {
  std::string text(statement);
  for (const Word& word : words) {
    const std::string_view meaning = dialect == SqlDialect::mysql ? word.mysql : word.sqlite;
    for (std::size_t at = 0; (at = text.find(word.name, at)) != std::string::npos;
         at += meaning.size()) {
      text.replace(at, word.name.size(), meaning);
    }
  }
  return text;
}

Result<SchemaVersions> update_schema(SchemaTarget& target, SchemaPolicy policy) {
  // Most starts find all as it should be, and take no lock.
  const Result<int> found = target.version();
  if (found.has_error()) return found.error();
  if (*found >= schema_version()) return SchemaVersions{.found = *found, .now = *found};
  if (policy == SchemaPolicy::keep) return make_error_code(StorageErrc::schema_outdated);

  auto locked = target.lock();
  if (locked.has_error()) return locked.error();
  Result<SchemaVersions> versions = update_locked(target);
  const Result<void> unlocked = target.unlock(versions.has_value());
  if (versions.has_value() && unlocked.has_error()) return unlocked.error();
  return versions;
}

}  // namespace server
