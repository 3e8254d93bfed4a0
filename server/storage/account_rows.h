#pragma once

#include <optional>
#include <string_view>

#include "server/storage/credentials.h"
#include "server/storage/error.h"
#include "server/storage/sql.h"

namespace server {

/// The rows of accounts, for work on a connection. Names have been checked (check_key()).

/// What stands in the row of credential_columns from `column` on. Errors: broken.
Result<Credentials> credentials_at(const SqlRows& row, int column);

/// Eight columns, in the order in which they are read.
inline constexpr std::string_view credential_columns =
    "sha1_salt, sha1_iterations, sha1_stored_key, sha1_server_key,"
    " sha256_salt, sha256_iterations, sha256_stored_key, sha256_server_key";

/// Absent when there is no such account. Errors: broken.
Result<std::optional<Credentials>> find_account(SqlConnection& db, std::string_view local,
                                                std::string_view domain);

/// Makes one that is not there, and sees to it that nothing of a former one is left.
void insert_account(SqlConnection& db, const Credentials& credentials, std::string_view local,
                    std::string_view domain);

/// False when there is no such account.
bool update_account(SqlConnection& db, const Credentials& credentials, std::string_view local,
                    std::string_view domain);

}  // namespace server
