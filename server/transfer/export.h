#pragma once

#include <functional>
#include <ostream>
#include <string>

#include "server/storage/sql.h"
#include "server/transfer/counts.h"

namespace server {

/// Something that is stored and could not be written, and why.
struct ExportFault {
  std::string account;
  std::string why;
};

struct ExportReport {
  MovedCounts counts;
  std::uint64_t faults = 0;
  std::string failure;  ///< Why it is not whole, in words; of the database or the file.
};

/// Writes all accounts, with all that they keep, as a file of XEP-0227, which import_accounts()
/// reads back as the same. Accounts stand by their domains and names, so that two exports can be
/// compared.
///
/// Nodes may go on meanwhile; what changes while it is written may be in it or not. What it writes
/// is secret: it has what a login is checked against.
///
/// Blocks, as long as it takes; memory is bounded, however much is stored.
ExportReport export_accounts(SqlDatabase& database, std::ostream& out,
                             const std::function<void(const ExportFault&)>& on_fault);

}  // namespace server
