#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/storage/error.h"

namespace server {

/// The two ways to write the same tables.
enum class SqlDialect { mysql, sqlite };

/// One step from a version of the schema to the next. Applied once, in order, never changed after
/// a release: a mistake is mended by a further step. A step must leave the tables usable for the
/// release before, which may run beside this one during an upgrade.
struct Migration {
  int version;
  std::string_view what;

  /// Statements in the words that are common to both dialects, with `$name` for what differs (see
  /// `in_dialect`). Each can be run twice: a step may be cut off in the middle.
  std::vector<std::string_view> statements;
};

/// All steps, from version 1 on.
const std::vector<Migration>& migrations();

/// The version that this release works with: that of the last step.
int schema_version();

/// `statement` for one of the databases. Words: `$key` (1..1,023 bytes, compared byte by byte),
/// `$bytes` (up to 255), `$blob` (up to 16 MiB), `$count` (u32), `$number` (u64), `$time` (UTC,
/// microseconds), `$now`, `$for_update` (rows read stay locked till the transaction's end),
/// `$index_of_holder`, `$table` (what stands behind a table's closing bracket).
std::string in_dialect(std::string_view statement, SqlDialect dialect);

/// A database whose schema is looked at and brought up to date.
class SchemaTarget {
 public:
  virtual ~SchemaTarget() = default;
  virtual SqlDialect dialect() const = 0;
  virtual Result<void> execute(const std::string& statement) = 0;

  /// The greatest version in `schema_version`; 0 when the table is empty or not there.
  virtual Result<int> version() = 0;

  /// Keeps other nodes from migrating at the same time, until unlock(). What was done meanwhile
  /// is kept, or undone where the database can undo it.
  virtual Result<void> lock() = 0;
  virtual Result<void> unlock(bool keep) = 0;
};

/// What happens when a database's schema is older than this release.
enum class SchemaPolicy {
  migrate,  ///< It is brought up to date; several nodes may do so at once.
  keep,     ///< It is left as it is: schema_outdated.
};

struct SchemaVersions {
  int found = 0;
  int now = 0;  ///< Greater than schema_version() when a newer release has migrated: allowed.
};

/// Brings `target` to this release's schema, or says why not. A newer schema is left alone: each
/// step keeps the release before working.
Result<SchemaVersions> update_schema(SchemaTarget& target, SchemaPolicy policy);

}  // namespace server
