#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/array.hpp>
#include <filesystem>
#include <string>

#include "tools/cluster/fleet.h"

namespace cluster {

/// What an operation did, one step after another, for a person (by `Progress`) and for programs:
/// `{"kind", "node", "began_unix_s", "seconds", …}`.
class Steps {
 public:
  explicit Steps(Progress progress) : progress_(std::move(progress)) {}

  /// Waits until `node` is ready and notes it as a step of `kind`.
  asio::awaitable<Result<void>> become_ready(Fleet& fleet, std::string kind, std::string node);

  /// Drains `node` and notes it as a step of `kind`.
  asio::awaitable<Result<void>> drain(Fleet& fleet, std::string kind, std::string node);

  void say(const std::string& line) const { progress_(line); }
  [[nodiscard]] const boost::json::array& done() const { return done_; }

 private:
  Progress progress_;
  boost::json::array done_;
};

enum class UpgradeOrder {
  surge,     // One node of the new build more, which takes the place of the last old one.
  in_place,  // Capacity falls by one node at a time.
};

struct UpgradePlan {
  std::filesystem::path program;
  UpgradeOrder order = UpgradeOrder::surge;
  std::string node;  // Only this one, in place; empty: all, and new nodes from then on.
};

/// Replaces the nodes' build one node at a time under load: with `surge`, first adds one node of
/// the new build; then, for each old one: drains it, ends it, starts the new build under the same
/// name and waits until it is ready; with `surge`, the last one is not started again, so that no
/// client moves twice. Notes each step in `steps`.
/// Halts at the first node that does not drain, start or get ready; the others are left serving.
asio::awaitable<Result<void>> upgrade(Fleet& fleet, ClusterRecord& record, UpgradePlan plan,
                                      Steps& steps);

}  // namespace cluster
