#pragma once

#include "server/storage/mysql_pool.h"
#include "server/storage/schema.h"

namespace server {

/// Brings the database behind `session` to this release's schema; see update_schema().
/// Throws sql::SQLException.
Result<SchemaVersions> update_mysql_schema(MysqlSession& session, SchemaPolicy policy);

/// What about the server's settings or tables could lose or merge data, in words; empty when
/// nothing. Throws sql::SQLException.
std::string unfit_mysql_setting(MysqlSession& session);

}  // namespace server
