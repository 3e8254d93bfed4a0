// How the conductor acts on the cluster: each action is a command of its supervisor, run beside the
// load, and a band in the charts.

#include <boost/json/serialize.hpp>
#include <cmath>

#include "loadgen/conductor.h"

namespace loadgen {
void Conductor::start_action(const Action& action) {
  const Scenario& scenario = options_.scenario;
  ActionRecord record;
  record.kind = action_name(action.kind);
  if (action.kind == Action::Kind::mysql) record.kind += "-" + action.node;
  record.phase = current_.name;
  record.began = now();
  record.forced_before = sampler_.totals().forced;
  switch (action.kind) {
    case Action::Kind::set_rate: {
      const double rate = action.amount.of(scenario.rate);
      if (rate > rate_ && !step_at_) step_at_ = record.began;
      set_rate(rate);
      event("rate " + grouped(static_cast<std::uint64_t>(std::llround(rate))) + "/s");
      return;
    }
    case Action::Kind::set_sessions:
      set_sessions(action.amount.of(static_cast<double>(scenario.sessions)));
      event("sessions " + grouped(sessions_));
      return;
    default:
      break;
  }
  if (!start_command(action, record)) return;
  actions_.push_back(record);
  running_action_ = actions_.size() - 1;
  event(record.kind + (record.node.empty() ? "" : " " + record.node) + " began");
}

std::string Conductor::node_for(const Action& action) {
  if (action.node == "same") return struck_;
  if (action.node == "newest" && !newest_.empty()) return newest_;
  const auto& nodes = fleet_.nodes();
  // None was added in this run: the last one of the list.
  if (action.node == "newest") {
    for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
      if (node->state == "ready") return node->name;
    }
    return "";
  }
  if (action.node != "any") return action.node;
  std::string fullest;
  std::uint64_t most = 0;
  for (const NodeStatus& node : nodes) {
    const auto clients = node.target < sampler_.last().targets.size()
                             ? sampler_.last().targets[node.target].online
                             : 0;
    if (node.state != "ready" || (!fullest.empty() && clients <= most)) continue;
    fullest = node.name;
    most = clients;
  }
  return fullest;
}

bool Conductor::start_command(const Action& action, ActionRecord& record) {
  std::vector<std::string> command = options_.cluster_command;
  command.emplace_back("--output=json");
  command.push_back(record.kind);
  switch (action.kind) {
    case Action::Kind::add:
      command.push_back("--count=" + std::to_string(action.count));
      break;
    case Action::Kind::upgrade:
      command.push_back("--to=" + action.to);
      if (!action.order.empty()) command.push_back("--order=" + action.order);
      break;
    case Action::Kind::mysql:
      break;  // The command's name says it all.
    case Action::Kind::heal:
      if (action.other.empty()) break;
      command.insert(command.end(), {action.node, action.other});
      break;
    default:
      record.node = node_for(action);
      if (record.node.empty()) {
        event(record.kind + ": there is no such node");
        reasons_.push_back("action " + record.kind + " had no node to act on");
        return false;
      }
      command.push_back(record.node);
      if (!action.other.empty()) command.push_back(action.other);
      struck_ = record.node;
  }
  child_ = std::make_unique<ChildProcess>(
      poller_, ChildProcess::Callbacks{
                   .on_progress = [this](const std::string& line) { event(line.substr(0, 200)); },
                   .on_ended =
                       [this](int exit_code, const std::string& output) {
                         finish_action(exit_code == 0 ? "done"
                                                      : "exit code " + std::to_string(exit_code) +
                                                            ": " + output.substr(0, 300));
                         // Not destroyed inside its own callback.
                         ended_children_.push_back(std::move(child_));
                       }});
  if (auto started = child_->start(command); started.has_error()) {
    event(record.kind + ": " + started.error().text);
    reasons_.push_back(started.error().text);
    child_.reset();
    return false;
  }
  return true;
}

void Conductor::finish_action(const std::string& outcome) {
  if (!running_action_) return;
  ActionRecord& action = actions_[*running_action_];
  running_action_.reset();
  action.ended = now();
  action.outcome = outcome;
  action.forced = sampler_.totals().forced - action.forced_before;
  const double took = in_seconds(action.ended - action.began);
  if (fleet_.follow()) watch_nodes();
  if (outcome != "done") {
    reasons_.push_back("action " + action.kind + " failed: " + outcome);
  } else if (action.kind == "add") {
    newest_ = fleet_.nodes().empty() ? "" : fleet_.nodes().back().name;
    action.node = newest_;
    figure("joined_s", in_seconds(action.ended - step_at_.value_or(action.began)));
  } else if (action.kind == "remove") {
    figure("removed_s", took);
    figure("removed_streams_moved", static_cast<double>(action.forced));
    if (action.node == newest_) newest_.clear();
  } else if (action.kind == "upgrade") {
    figure("upgrade_s", took);
    std::size_t nodes = 0;
    for (const NodeStatus& node : fleet_.nodes()) nodes += node.state == "ready" ? 1 : 0;
    if (nodes > 0) figure("upgrade_s_per_node", took / static_cast<double>(nodes));
  }
  recording_.add({{"kind", "action"},
                  {"action", action.kind},
                  {"node", action.node},
                  {"phase", action.phase},
                  {"began_s", in_seconds(action.began)},
                  {"ended_s", in_seconds(action.ended)},
                  {"sessions_moved", action.forced},
                  {"outcome", outcome}});
  event(action.kind + (action.node.empty() ? "" : " " + action.node) + " " + outcome + " after " +
        short_time(took));
}

/// Each second: how far the clients have spread over the nodes since the last one was added.
void Conductor::scaling_figures() {
  if (newest_.empty()) return;
  const NodeStatus* added = fleet_.find(newest_);
  if (added == nullptr || added->state != "ready") return;
  const double since_step = in_seconds(state_.now - step_at_.value_or(state_.now));
  const auto& targets = state_.total.targets;
  if (added->target < targets.size() && targets[added->target].logins > 0) {
    if (!figures_.contains("first_login_s")) figure("first_login_s", since_step);
  }
  std::uint64_t most = 0;
  std::uint64_t sum = 0;
  std::size_t nodes = 0;
  for (const NodeStatus& node : fleet_.nodes()) {
    if (node.state != "ready") continue;
    const auto clients = node.target < targets.size() ? targets[node.target].online : 0;
    most = std::max(most, clients);
    sum += clients;
    ++nodes;
  }
  // Not while sessions come or go: the spread is that of a load that rests.
  if (sum == 0 || running_action_ || state_.total.wanted != sessions_) return;
  const double ratio =
      static_cast<double>(most) * static_cast<double>(nodes) / static_cast<double>(sum);
  figure("balance_ratio", ratio);
  if (ratio <= 1.1 && !figures_.contains("balanced_s")) figure("balanced_s", since_step);
}

}  // namespace loadgen
