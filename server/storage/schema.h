#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
/// `$bytes` (up to 255), `$count` (u32), `$time` (UTC, microseconds), `$now`, `$table` (what
/// stands behind a table's closing bracket).
std::string in_dialect(std::string_view statement, SqlDialect dialect);

}  // namespace server
