#include "loadgen/fleet.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace loadgen {

Result<void> Fleet::use_targets(const std::vector<std::string>& targets,
                                const std::vector<int>& pids) {
  std::vector<TargetSpec> specs;
  for (const auto& text : targets) {
    auto endpoint = resolve(text);
    if (endpoint.has_error()) return endpoint.error();
    specs.push_back({text, *endpoint, true});
  }
  targets_.replace(specs);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    NodeStatus node;
    node.name = targets[i];
    node.state = "ready";
    node.pid = i < pids.size() ? pids[i] : 0;
    node.target = target_index(node.name);
    nodes_.push_back(node);
  }
  return {};
}

Result<void> Fleet::use_cluster(const std::string& path) {
  auto file = read_cluster_file(path);
  if (file.has_error()) return file.error();
  path_ = path;
  cluster_ = *file;
  apply();
  return {};
}

bool Fleet::follow() {
  if (path_.empty()) return false;
  // Compared as a whole: two changes within one tick of the file's time stamp look alike there.
  std::ifstream stream(path_);
  std::stringstream text;
  text << stream.rdbuf();
  if (!stream || text.str() == last_text_) return false;
  auto file = parse_cluster_file(text.str());
  // Gone or unreadable: the cluster went down under us. What was known last stays, and the
  // clients' own failures tell the rest.
  if (file.has_error()) return false;
  last_text_ = text.str();
  cluster_ = std::move(*file);
  apply();
  return true;
}

void Fleet::apply() {
  std::vector<TargetSpec> specs;
  nodes_.clear();
  for (const auto& node : cluster_.nodes) {
    const auto& address = tls_ == TlsMode::direct ? node.c2s_tls : node.c2s;
    auto endpoint = resolve(address);
    if (endpoint.has_value()) specs.push_back({node.name, *endpoint, node.state == "ready"});
    NodeStatus status;
    status.name = node.name;
    status.state = node.state;
    status.version = node.version;
    status.pid = node.pid;
    nodes_.push_back(status);
    Measured& measured = measured_[node.name];
    if (!measured.probe && !node.health.empty()) {
      if (auto health = resolve(node.health); health.has_value()) {
        measured.probe = std::make_unique<MetricsProbe>(poller_, *health);
      }
    }
  }
  targets_.replace(specs);
  for (NodeStatus& node : nodes_) node.target = target_index(node.name);
}

std::size_t Fleet::target_index(const std::string& name) {
  const auto target = targets_.find(name);
  return target ? target->index : 0;
}

void Fleet::sample(double elapsed_seconds) {
  for (NodeStatus& node : nodes_) {
    Measured& measured = measured_[node.name];
    const auto usage = process_usage(node.pid);
    node.cpu_ratio = 0;
    node.resident_bytes = usage ? usage->resident_bytes : 0;
    if (usage) {
      // A new process starts from nothing; what it took since it started is its own.
      const double before = measured.pid == node.pid ? measured.cpu_seconds : 0;
      const bool first_sight = measured.pid == 0 && elapsed_seconds <= 0;
      const double spent = first_sight ? 0 : std::max(0.0, usage->cpu_seconds - before);
      cpu_seconds_ += spent;
      if (elapsed_seconds > 0) node.cpu_ratio = spent / elapsed_seconds;
      measured.pid = node.pid;
      measured.cpu_seconds = usage->cpu_seconds;
    }
    if (measured.probe) {
      node.sessions = metric_sum(measured.probe->page(), "meerkat_sessions");
      if (node.pid != 0) measured.probe->ask();
    }
  }
}

const NodeStatus* Fleet::find(const std::string& name) const {
  const auto found = std::find_if(nodes_.begin(), nodes_.end(),
                                  [&](const NodeStatus& node) { return node.name == name; });
  return found == nodes_.end() ? nullptr : &*found;
}

std::uint64_t Fleet::resident_bytes() const {
  std::uint64_t sum = 0;
  for (const NodeStatus& node : nodes_) sum += node.resident_bytes;
  return sum;
}

bool Fleet::knows_processes() const {
  return std::any_of(nodes_.begin(), nodes_.end(),
                     [](const NodeStatus& node) { return node.resident_bytes > 0; });
}

}  // namespace loadgen
