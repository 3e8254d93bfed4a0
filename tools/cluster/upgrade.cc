#include "tools/cluster/upgrade.h"

#include <boost/json/object.hpp>
#include <chrono>
#include <utility>
#include <vector>

namespace cluster {

namespace json = boost::json;

namespace {

/// Of the machine's wall clock, so that a load generator can lay the step over its own times.
double unix_seconds() {
  return Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

asio::awaitable<Result<void>> Steps::become_ready(Fleet& fleet, std::string kind,
                                                  std::string node) {
  const double began = unix_seconds();
  const auto took = co_await fleet.await_ready(node);
  if (!took) co_return took.error();
  const auto found = fleet.find(node);
  const std::string version = found ? (*found)->version : "";
  progress_(node + " ready on " + version + ", joined in " + in_seconds(*took));
  done_.push_back(json::object{{"kind", std::move(kind)},
                               {"node", std::move(node)},
                               {"began_unix_s", began},
                               {"seconds", took->count()},
                               {"joined_after_s", took->count()},
                               {"version", version}});
  co_return Result<void>();
}

asio::awaitable<Result<void>> Steps::drain(Fleet& fleet, std::string kind, std::string node) {
  const double began = unix_seconds();
  progress_(node + " drain began, " + std::to_string(fleet.sessions(node)) + " sessions");
  const auto drained = co_await fleet.drain(node);
  if (!drained) co_return drained.error();
  progress_(node + " drained and ended in " + in_seconds(drained->took) +
            (drained->complete ? "" : "; its drain deadline passed with sessions left"));
  done_.push_back(json::object{{"kind", std::move(kind)},
                               {"node", std::move(node)},
                               {"began_unix_s", began},
                               {"seconds", drained->took.count()},
                               {"sessions_before", drained->sessions_before},
                               {"complete", drained->complete}});
  co_return Result<void>();
}

asio::awaitable<Result<void>> upgrade(Fleet& fleet, ClusterRecord& record, UpgradePlan plan,
                                      Steps& steps) {
  std::vector<std::string> old_nodes;
  for (const NodeRecord& node : record.nodes) {
    const bool runs = node.phase == NodePhase::ready || node.phase == NodePhase::paused;
    if (runs && (plan.node.empty() || plan.node == node.name)) old_nodes.push_back(node.name);
  }
  if (!plan.node.empty() && old_nodes.empty()) {
    co_return Fault{"no ready node " + plan.node, "cluster status"};
  }
  if (plan.node.empty()) {
    record.previous_program = std::exchange(record.program, plan.program);
  }

  const bool surge = plan.order == UpgradeOrder::surge && plan.node.empty();
  if (surge) {
    const auto added = fleet.add_record();
    if (!added) co_return added.error();
    if (auto launched = fleet.launch(*added, plan.program); !launched) co_return launched.error();
    const auto ready = co_await steps.become_ready(fleet, "add", *added);
    if (!ready) co_return ready.error();
  }
  for (const std::string& node : old_nodes) {
    // The extra node stays in the place of the last one: so each client moves once.
    const bool leaves = surge && node == old_nodes.back();
    const auto drained = co_await steps.drain(fleet, leaves ? "remove" : "drain", node);
    if (!drained) co_return drained.error();
    if (leaves) {
      fleet.forget(node);
      break;
    }
    if (auto launched = fleet.launch(node, plan.program); !launched) co_return launched.error();
    const auto ready = co_await steps.become_ready(fleet, "upgrade_node", node);
    if (!ready) co_return ready.error();
  }
  co_return Result<void>();
}

}  // namespace cluster
