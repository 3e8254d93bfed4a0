#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "discovery/backend.h"

namespace discovery {

/// The registry as a text file that somebody else writes, for tests and clusters that never change.
///
/// A line is `name host:port`; empty lines and those that begin with `#` say nothing. The file is
/// read at every turn, so a change is seen within the read interval. A file that cannot be read
/// or has a bad line changes nothing: replace it by a rename. Nodes are numbered by their order.
/// All listed nodes count as ready and their leases never end; who is really there, the links tell.
class FileBackend final : public Backend {
 public:
  explicit FileBackend(std::filesystem::path path);

  /// Errors also: not_listed. `lease` is ignored.
  Result<Reading> renew(const NodeRow& self, std::chrono::milliseconds lease) override;
  Result<Reading> read() override;
  Result<void> leave(const NodeRow& self) override;  // Does nothing: the file is not ours.
  [[nodiscard]] std::string last_failure() const override { return last_failure_; }

 private:
  Result<Reading> list();

  std::filesystem::path path_;
  std::optional<NodeRow> self_;  // As last given to renew().
  std::string last_failure_;
};

}  // namespace discovery
