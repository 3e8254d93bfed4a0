#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <istream>
#include <map>
#include <string>
#include <vector>

#include "server/storage/sql.h"
#include "server/transfer/counts.h"

namespace server {

struct ImportOptions {
  std::vector<std::string> domains;  ///< Those that are served; others are left out.
  bool replaces = false;             ///< Accounts and what they keep, instead of leaving them.
  bool stops = false;                ///< At the first fault.
};

/// Something that was left out, and why.
struct ImportFault {
  std::string file;
  std::size_t line = 0;
  std::string account;  ///< Or the host; empty where it is neither's.
  std::string why;
};

struct ImportReport {
  MovedCounts counts;
  std::uint64_t faults = 0;

  /// Elements that nothing here knows, and how often they came; the first 1,000 different ones.
  std::map<std::string, std::uint64_t> unknown;

  /// Whose clients cannot log in by SCRAM-SHA-256, which most prefer.
  std::uint64_t accounts_with_sha1_only = 0;

  bool is_whole = false;  ///< Read to the end.
  std::string failure;    ///< Of the database, in words.
};

/// Where an export comes from; a file that it includes is looked for in `folder` and below, and
/// nowhere else. Without one nothing is included.
struct ImportSource {
  std::istream& stream;
  std::string name;  ///< As faults call it.
  std::filesystem::path folder{};
};

/// Reads accounts, with all that they keep, from a file of XEP-0227 into a database.
///
/// What is wrong in the file is told and left out, and the rest goes on. Nothing that is there
/// already is changed, unless so told: an import that was cut off is done again, and brings what
/// is missing. Rows are written some hundred at a time, each time all or none.
///
/// Blocks, as long as it takes; memory is bounded, however long the file is.
ImportReport import_accounts(SqlDatabase& database, ImportSource source,
                             const ImportOptions& options,
                             const std::function<void(const ImportFault&)>& on_fault);

}  // namespace server
