#include "tools/cluster/fleet.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <exception>
#include <utility>

#include "tools/cluster/database.h"
#include "tools/cluster/http.h"
#include "tools/cluster/node_config.h"
#include "tools/cluster/port_holder.h"

namespace cluster {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
constexpr auto ready_look_interval = 20ms;  // Joins are told in hundredths of a second.
constexpr auto look_limit = 1s;
constexpr auto quick_stop_limit = 2s;   // Time for sockets to close in order.
constexpr auto forced_stop_limit = 5s;  // After the second SIGTERM, which skips to the exit.
constexpr auto kill_limit = 10s;
constexpr int exit_drain_incomplete = 75;
constexpr std::size_t log_lines = 20;

void rethrow(const std::exception_ptr& failure) {
  if (failure) std::rethrow_exception(failure);
}

std::filesystem::path log_of(const ClusterRecord& record, const std::string& node) {
  return record.node_folder(node) / "log.jsonl";
}

}  // namespace

std::string in_seconds(Seconds time) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f s", time.count());
  return text.data();
}

std::optional<Fault> port_taken(std::uint16_t port, const std::string& what,
                                const PortPlan& ports) {
  const auto holder = find_port_holder(port);
  if (!holder) return std::nullopt;
  const std::string who = holder->pid == 0
                              ? "a process of another user"
                              : "pid " + std::to_string(holder->pid) + ": " + holder->command;
  // Below 32768, where the kernel takes clients' own ports from.
  const unsigned other = ports.base == 25000 ? 15000 : 25000;
  return Fault{"port " + std::to_string(port) + " (" + what + ") is taken by " + who,
               "--port-base=" + std::to_string(other)};
}

Fleet::Fleet(asio::io_context& loop, ClusterRecord& record, Placement& placement,
             FleetOptions options, Progress notice)
    : loop_(loop),
      record_(record),
      placement_(placement),
      options_(options),
      gates_(loop, record),
      notice_(std::move(notice)) {}

Result<NodeRecord*> Fleet::find(const std::string& node) {
  std::string known;
  for (NodeRecord& record : record_.nodes) {
    if (record.name == node) return &record;
    known += " " + record.name;
  }
  return Fault{"there is no node " + node + "; there are:" + known, ""};
}

Fleet::Process* Fleet::process_of(const std::string& node) {
  const auto found = processes_.find(node);
  if (found == processes_.end() || !found->second.child->running()) return nullptr;
  return &found->second;
}

std::uint64_t Fleet::sessions(const std::string& node) const {
  const auto found = looks_.find(node);
  return found == looks_.end() ? 0 : found->second.sessions;
}

void Fleet::save() {
  if (const auto written = write_record(record_); !written) notice_(written.error().text);
}

void Fleet::set_phase(const std::string& node, NodePhase phase) {
  const auto record = find(node);
  if (!record) return;
  (*record)->phase = phase;
  if (process_of(node) == nullptr) (*record)->process = {};
  if (phase != NodePhase::ready) looks_[node].ready = false;
  update_placement();
  save();
}

void Fleet::update_placement() {
  std::vector<NodeLook> nodes;
  for (const NodeRecord& node : record_.nodes) {
    NodeLook look = looks_[node.name];
    look.name = node.name;
    look.c2s_port = record_.ports.of(node.number, PortPlan::Service::c2s);
    nodes.push_back(std::move(look));
  }
  placement_.look(std::move(nodes));
}

Fault Fleet::with_log(const std::string& node, std::string text) const {
  return {std::move(text), "cluster logs " + node, last_lines(log_of(record_, node), log_lines)};
}

Result<std::string> Fleet::add_record() {
  unsigned number = 1;
  const auto taken = [&](const NodeRecord& node) { return node.number == number; };
  while (std::any_of(record_.nodes.begin(), record_.nodes.end(), taken)) ++number;
  if (number > record_.ports.nodes_max()) {
    return Fault{"no ports are left for a node " + std::to_string(number) + " from base " +
                     std::to_string(record_.ports.base),
                 "--port-base=15000"};
  }
  NodeRecord node;
  node.number = number;
  node.name = "n" + std::to_string(number);
  const auto place = std::upper_bound(
      record_.nodes.begin(), record_.nodes.end(), number,
      [](unsigned value, const NodeRecord& other) { return value < other.number; });
  return record_.nodes.insert(place, node)->name;
}

Result<void> Fleet::ports_free(const NodeRecord& node) const {
  using Service = PortPlan::Service;
  for (const auto& [service, what] :
       {std::pair{Service::c2s, "c2s"}, std::pair{Service::c2s_tls, "TLS"},
        std::pair{Service::peers, "peers"}, std::pair{Service::admin, "admin"},
        std::pair{Service::health, "health"}}) {
    auto taken = port_taken(record_.ports.of(node.number, service),
                            "of " + node.name + " for " + what, record_.ports);
    if (taken) return *std::move(taken);
  }
  return {};
}

Result<void> Fleet::launch(std::string node, std::filesystem::path program) {
  if (stopping_) return Fault{"the cluster is stopping", ""};
  const auto found = find(node);
  if (!found) return found.error();
  NodeRecord& record = **found;
  if (process_of(node) != nullptr) {
    return Fault{node + " runs already", "cluster status"};
  }
  if (auto free = ports_free(record); !free) return free.error();
  const auto config = write_node_config(record_, record);
  if (!config) return config.error();
  std::vector<std::string> arguments = {program.string(), "--config=" + config->string()};
  for (const std::string& setting : record_.settings) arguments.push_back("--" + setting);
  const auto child = Child::start(loop_, {.arguments = std::move(arguments),
                                          .environment = {},
                                          .output = log_of(record_, node),
                                          .input = {},
                                          .folder = record_.node_folder(node),
                                          .parent_death_signal = SIGKILL});
  if (!child) return child.error();
  if (record_.gates) {
    if (auto opened = gates_.open(record); !opened) {
      (*child)->signal(SIGKILL);
      return opened.error();
    }
  }
  processes_[node] = {.child = *child, .launched = Clock::now()};
  looks_[node] = {};
  record.process = (*child)->key();
  record.program = std::move(program);
  record.version.clear();
  set_phase(node, NodePhase::starting);
  asio::co_spawn(loop_, mind(node, *child), rethrow);
  return {};
}

asio::awaitable<void> Fleet::mind(std::string node, std::shared_ptr<Child> child) {
  co_await child->ended(Deadline::max());
  const auto found = processes_.find(node);
  if (found == processes_.end() || found->second.child != child) co_return;
  gates_.close(node);
  if (found->second.end_expected) {
    set_phase(node, NodePhase::stopped);
    co_return;
  }
  set_phase(node, NodePhase::failed);
  notice_(node + " ended by itself: " + child->how_it_ended());
}

asio::awaitable<Result<Seconds>> Fleet::await_ready(std::string node) {
  const auto found = find(node);
  if (!found) co_return found.error();
  const std::uint16_t health = record_.ports.of((*found)->number, PortPlan::Service::health);
  const std::shared_ptr<Child> child = processes_.at(node).child;
  const auto launched = processes_.at(node).launched;
  const Deadline deadline = launched + options_.ready_limit;
  while (true) {
    HttpRequest question;
    question.port = health;
    question.target = "/readyz";
    const auto answer = co_await ask(std::move(question), look_limit);
    if (answer && answer->status == 200) break;
    const bool over = co_await child->ended(Clock::now() + ready_look_interval);
    if (over) {
      co_return with_log(node, node + " ended before it was ready: " + child->how_it_ended());
    }
    if (Clock::now() > deadline) {
      const std::string state = answer ? answer->body.substr(0, 500) : answer.error().text;
      co_return with_log(
          node, node + " is not ready after " + in_seconds(options_.ready_limit) + ": " + state);
    }
  }
  const Seconds took = Clock::now() - launched;
  looks_[node].ready = true;
  set_phase(node, NodePhase::ready);
  co_await look_at(node);
  co_return took;
}

asio::awaitable<Result<Drained>> Fleet::drain(std::string node) {
  const auto found = find(node);
  if (!found) co_return found.error();
  const auto began = Clock::now();
  Drained drained{.took = {}, .sessions_before = sessions(node), .complete = true};
  Process* process = process_of(node);
  if (process == nullptr) co_return drained;
  const std::shared_ptr<Child> child = process->child;
  process->end_expected = true;
  if ((*found)->phase == NodePhase::paused) child->signal(SIGCONT);
  set_phase(node, NodePhase::draining);
  child->signal(SIGTERM);
  const bool ended = co_await child->ended(began + options_.drain_limit);
  if (!ended) {
    child->signal(SIGKILL);
    co_await child->ended(Clock::now() + kill_limit);
    co_return with_log(node, node + " did not end " + in_seconds(options_.drain_limit) +
                                 " after its drain began and was killed");
  }
  drained.took = Clock::now() - began;
  if (child->exit_code() == exit_drain_incomplete) {
    drained.complete = false;
  } else if (child->exit_code() != 0) {
    co_return with_log(node, node + " ended its drain with " + child->how_it_ended());
  }
  set_phase(node, NodePhase::stopped);
  co_return drained;
}

void Fleet::forget(const std::string& node) {
  std::erase_if(record_.nodes, [&](const NodeRecord& record) { return record.name == node; });
  gates_.close(node);
  processes_.erase(node);
  looks_.erase(node);
  update_placement();
  save();
}

asio::awaitable<Result<void>> Fleet::kill(std::string node) {
  const auto found = find(node);
  if (!found) co_return found.error();
  Process* process = process_of(node);
  if (process == nullptr) {
    co_return Fault{node + " does not run", "cluster start " + node};
  }
  const std::shared_ptr<Child> child = process->child;
  process->end_expected = true;
  child->signal(SIGKILL);
  co_await child->ended(Clock::now() + kill_limit);
  set_phase(node, NodePhase::stopped);
  co_return Result<void>();
}

Result<void> Fleet::pause(const std::string& node) {
  const auto found = find(node);
  if (!found) return found.error();
  Process* process = process_of(node);
  if (process == nullptr || (*found)->phase != NodePhase::ready) {
    return Fault{node + " is " + std::string(name_of((*found)->phase)) + ", not ready",
                 "cluster status"};
  }
  process->child->signal(SIGSTOP);
  set_phase(node, NodePhase::paused);
  return {};
}

Result<void> Fleet::resume(const std::string& node) {
  const auto found = find(node);
  if (!found) return found.error();
  Process* process = process_of(node);
  if (process == nullptr || (*found)->phase != NodePhase::paused) {
    return Fault{node + " is not paused", "cluster status"};
  }
  process->child->signal(SIGCONT);
  set_phase(node, NodePhase::ready);
  return {};
}

Result<void> Fleet::cut(const std::string& a, const std::string& b) {
  if (!record_.gates) return Fault{"there are no gates between the nodes", "cluster up --gates"};
  return gates_.cut(a, b);
}

Result<void> Fleet::heal(const std::string& a, const std::string& b) {
  if (!record_.gates) return Fault{"there are no gates between the nodes", "cluster up --gates"};
  return gates_.heal(a, b);
}

asio::awaitable<bool> Fleet::all_ended(Deadline deadline) {
  std::vector<std::shared_ptr<Child>> children;
  for (const auto& [node, process] : processes_) children.push_back(process.child);
  bool all = true;
  for (const std::shared_ptr<Child>& child : children) {
    const bool ended = co_await child->ended(deadline);
    all = all && ended;
  }
  co_return all;
}

void Fleet::signal_all(int signal) {
  for (auto& [node, process] : processes_) {
    process.end_expected = true;
    process.child->signal(signal);
  }
}

asio::awaitable<void> Fleet::stop_all() {
  stopping_ = true;
  signal_all(SIGCONT);  // A paused node could not end in order.
  signal_all(SIGTERM);
  const bool in_order = co_await all_ended(Clock::now() + quick_stop_limit);
  if (in_order) co_return;
  signal_all(SIGTERM);
  const bool hurried = co_await all_ended(Clock::now() + forced_stop_limit);
  if (hurried) co_return;
  signal_all(SIGKILL);
  co_await all_ended(Clock::now() + kill_limit);
}

asio::awaitable<void> Fleet::look_at(std::string node) {
  const auto found = find(node);
  if (!found || process_of(node) == nullptr) co_return;
  HttpRequest readiness;
  readiness.port = record_.ports.of((*found)->number, PortPlan::Service::health);
  HttpRequest figures = readiness;
  readiness.target = "/readyz";
  figures.target = "/metrics";
  const auto ready = co_await ask(std::move(readiness), look_limit);
  const auto metrics = co_await ask(std::move(figures), look_limit);
  // The node may have been drained, killed or forgotten meanwhile.
  const auto still = find(node);
  if (!still || process_of(node) == nullptr) co_return;
  NodeLook& look = looks_[node];
  look.ready = (*still)->phase == NodePhase::ready && ready && ready->status == 200;
  if (!metrics || metrics->status != 200) co_return;
  NodeSample sample = parse_metrics(metrics->body);
  look.sessions = sample.sessions;
  if ((*still)->version != sample.version) {
    (*still)->version = std::move(sample.version);
    save();
  }
}

asio::awaitable<void> Fleet::watch() {
  while (true) {
    std::vector<std::string> running;
    for (const NodeRecord& node : record_.nodes) {
      const bool answers = node.phase == NodePhase::ready || node.phase == NodePhase::draining;
      if (answers && process_of(node.name) != nullptr) running.push_back(node.name);
    }
    for (const std::string& node : running) co_await look_at(node);
    update_placement();
    asio::steady_timer pause(loop_, options_.look_interval);
    const auto [stopped] = co_await pause.async_wait(use_result);
    if (stopped) co_return;
  }
}

}  // namespace cluster
