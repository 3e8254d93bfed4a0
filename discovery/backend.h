#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "discovery/error.h"
#include "discovery/node_row.h"

namespace discovery {

/// What one look into the registry found.
struct Reading {
  /// All listed nodes, this one included, also those whose lease is over but not yet recycled.
  std::vector<NodeRow> nodes;

  /// The registry's clock when it answered, if it has one of its own.
  std::optional<std::chrono::system_clock::time_point> clock;

  /// Rows left out because they name no node (K7) or are more than a cluster may have.
  std::size_t rows_ignored = 0;
};

/// A place where the nodes of a cluster are listed: MySQL, a file, DNS.
///
/// Calls block, at most for the back end's own timeout. Threads: used by one thread at a time
/// (Discovery's own), which need not be the one that made it.
class Backend {
 public:
  virtual ~Backend() = default;

  /// A number for a start of the node `name`, greater than those of its former lives: microseconds
  /// since 1970, by the registry's clock if it has one, so that a node may move to a machine whose
  /// clock is behind; else by this machine's. Errors: as of read().
  virtual Result<std::uint64_t> start_stamp(const std::string& name);

  /// Lists this node, or extends its lease by `lease` from now, and reads the others.
  /// `self.number` is ignored: the registry gives it, see the row of that name in the reading.
  /// Errors: all of Errc.
  virtual Result<Reading> renew(const NodeRow& self, std::chrono::milliseconds lease) = 0;

  /// Reads only. Errors: registry_unavailable, access_denied, registry_broken, malformed.
  virtual Result<Reading> read() = 0;

  /// Takes this node's row away, if it is of this incarnation; an absent row is no error.
  virtual Result<void> leave(const NodeRow& self) = 0;

  /// The last failure in words, for the log: which host, which file and line. Holds no password.
  [[nodiscard]] virtual std::string last_failure() const = 0;
};

/// For a registry that somebody else writes: puts what `self` knows of itself into its row of the
/// reading. False: it is not listed.
bool complete_own_row(Reading& reading, const NodeRow& self);

}  // namespace discovery
