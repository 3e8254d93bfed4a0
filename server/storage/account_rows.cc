#include "server/storage/account_rows.h"

#include <utility>
#include <vector>

namespace server {
namespace {

// None where the account has none of `hash`. Errors: broken.
Result<std::optional<xmpp::ScramKeys>> keys_at(const SqlRows& row, int column,
                                               xmpp::ScramHash hash) {
  xmpp::ScramKeys keys{.hash = hash,
                       .salt = row.text(column),
                       .iterations = static_cast<std::uint32_t>(row.number(column + 1)),
                       .stored_key = xmpp::Secret(row.text(column + 2)),
                       .server_key = xmpp::Secret(row.text(column + 3))};
  if (keys.iterations == 0 && keys.stored_key.is_empty()) return std::optional<xmpp::ScramKeys>();
  const std::size_t key_bytes = xmpp::scram_key_bytes(hash);
  if (keys.salt.empty() || keys.iterations == 0 || keys.stored_key.reveal().size() != key_bytes ||
      keys.server_key.reveal().size() != key_bytes) {
    return make_error_code(StorageErrc::broken);
  }
  return std::optional(std::move(keys));
}

void append(std::vector<SqlParameter>& values, const std::optional<xmpp::ScramKeys>& keys) {
  if (!keys) {
    values.insert(values.end(), {SqlBytes{{}}, std::uint64_t{0}, SqlBytes{{}}, SqlBytes{{}}});
    return;
  }
  values.insert(values.end(),
                {SqlBytes{keys->salt}, std::uint64_t{keys->iterations},
                 SqlBytes{keys->stored_key.reveal()}, SqlBytes{keys->server_key.reveal()}});
}

// Both statements take the same values in the same order.
std::uint64_t write_credentials(SqlConnection& db, std::string_view statement,
                                const Credentials& credentials, std::string_view local,
                                std::string_view domain) {
  std::vector<SqlParameter> values;
  append(values, credentials.sha1);
  append(values, credentials.sha256);
  values.insert(values.end(), {local, domain});
  return db.change(statement, values);
}

}  // namespace

Result<Credentials> credentials_at(const SqlRows& row, int column) {
  auto sha1 = keys_at(row, column, xmpp::ScramHash::sha1);
  auto sha256 = keys_at(row, column + 4, xmpp::ScramHash::sha256);
  if (sha1.has_error() || sha256.has_error()) return make_error_code(StorageErrc::broken);
  return Credentials{.sha1 = *std::move(sha1), .sha256 = *std::move(sha256)};
}

Result<std::optional<Credentials>> find_account(SqlConnection& db, std::string_view local,
                                                std::string_view domain) {
  static const std::string statement = "SELECT " + std::string(credential_columns) +
                                       " FROM users WHERE localpart = ? AND domainpart = ?";
  const auto rows = db.query(statement, {local, domain});
  if (!rows->next()) return std::optional<Credentials>();
  auto found = credentials_at(*rows, 0);
  if (found.has_error()) return found.error();
  return std::optional(*std::move(found));
}

void insert_account(SqlConnection& db, const Credentials& credentials, std::string_view local,
                    std::string_view domain) {
  write_credentials(db,
                    "INSERT INTO users (sha1_salt, sha1_iterations, sha1_stored_key,"
                    " sha1_server_key, sha256_salt, sha256_iterations, sha256_stored_key,"
                    " sha256_server_key, localpart, domainpart, created, changed)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, $now, $now)",
                    credentials, local, domain);
  // hardening Q8: another node may have archived a message of a former account after its end.
  db.change("DELETE FROM archive WHERE localpart = ? AND domainpart = ?", {local, domain});
}

bool update_account(SqlConnection& db, const Credentials& credentials, std::string_view local,
                    std::string_view domain) {
  return write_credentials(
             db,
             "UPDATE users SET sha1_salt = ?, sha1_iterations = ?, sha1_stored_key = ?,"
             " sha1_server_key = ?, sha256_salt = ?, sha256_iterations = ?, sha256_stored_key = ?,"
             " sha256_server_key = ?, changed = $now WHERE localpart = ? AND domainpart = ?",
             credentials, local, domain) > 0;
}

}  // namespace server
