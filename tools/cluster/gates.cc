#include "tools/cluster/gates.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <vector>

#include "tools/cluster/forward.h"
#include "tools/cluster/port_holder.h"

namespace cluster {

using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);

void rethrow(const std::exception_ptr& failure) {
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

struct Gates::Gate {
  explicit Gate(asio::io_context& loop) : acceptor(loop) {}

  std::string node;
  tcp::endpoint there;
  tcp::acceptor acceptor;
};

struct Gates::Passage {
  tcp::socket dialler;
  tcp::socket node;
  tcp::endpoint there;
  std::optional<Path> path;  // Absent: dialled by none of the nodes.
};

Gates::Gates(asio::io_context& loop, const ClusterRecord& record)
    : loop_(loop), record_(record), healed_(loop, Clock::time_point::max()) {}

Gates::~Gates() = default;

Result<void> Gates::open(const NodeRecord& node) {
  using Service = PortPlan::Service;
  auto gate = std::make_shared<Gate>(loop_);
  gate->node = node.name;
  gate->there = {asio::ip::address_v4::loopback(),
                 record_.ports.of(node.number, Service::behind_gate)};
  const std::uint16_t port = record_.ports.of(node.number, Service::peers);
  if (auto listening = listen_on_loopback(gate->acceptor, port); !listening) {
    return listening.error();
  }
  gates_[node.name] = gate;
  const auto take = [this, at = gate.get()](tcp::socket dialler) {
    asio::co_spawn(loop_, pass(passage_of(*at, std::move(dialler))), rethrow);
  };
  asio::co_spawn(loop_, accept_all(gate, gate->acceptor, take), rethrow);
  return {};
}

void Gates::close(const std::string& node) {
  const auto found = gates_.find(node);
  if (found == gates_.end()) return;
  boost::system::error_code ignored;
  found->second->acceptor.close(ignored);
  gates_.erase(found);
}

Result<Gates::Path> Gates::path_between(const std::string& a, const std::string& b) const {
  for (const std::string& name : {a, b}) {
    const auto is_it = [&](const NodeRecord& node) { return node.name == name; };
    if (std::none_of(record_.nodes.begin(), record_.nodes.end(), is_it)) {
      return Fault{"there is no node " + name, "cluster status"};
    }
  }
  if (a == b) return Fault{"a path has two nodes, not " + a + " twice", "cluster cut n1 n2"};
  return Path(std::min(a, b), std::max(a, b));
}

Result<void> Gates::cut(const std::string& a, const std::string& b) {
  auto path = path_between(a, b);
  if (!path) return path.error();
  cuts_.insert(*std::move(path));
  return {};
}

Result<void> Gates::heal(const std::string& a, const std::string& b) {
  if (a.empty() && b.empty()) {
    cuts_.clear();
  } else {
    const auto path = path_between(a, b);
    if (!path) return path.error();
    if (cuts_.erase(*path) == 0) {
      return Fault{"nothing is cut between " + a + " and " + b, "cluster status"};
    }
  }
  healed_.cancel();
  return {};
}

std::optional<std::string> Gates::dialler(const tcp::socket& accepted) const {
  boost::system::error_code error;
  const auto remote = accepted.remote_endpoint(error);
  const auto local = accepted.local_endpoint(error);
  if (error) return std::nullopt;
  std::vector<pid_t> processes;
  for (const NodeRecord& node : record_.nodes) {
    if (node.process.pid != 0) processes.push_back(node.process.pid);
  }
  const auto holder = find_connection_holder(remote.port(), local.port(), processes);
  if (!holder) return std::nullopt;
  const auto node =
      std::find_if(record_.nodes.begin(), record_.nodes.end(),
                   [&](const NodeRecord& candidate) { return candidate.process.pid == *holder; });
  return node->name;
}

std::shared_ptr<Gates::Passage> Gates::passage_of(const Gate& gate, tcp::socket dialled) const {
  auto passage = std::make_shared<Passage>(Passage{.dialler = std::move(dialled),
                                                   .node = tcp::socket(loop_),
                                                   .there = gate.there,
                                                   .path = std::nullopt});
  if (const auto from = dialler(passage->dialler)) {
    passage->path = Path(std::min(*from, gate.node), std::max(*from, gate.node));
  }
  return passage;
}

asio::awaitable<void> Gates::until_whole(std::optional<Path> path) {
  while (path && cuts_.contains(*path)) co_await healed_.async_wait(use_result);
}

asio::awaitable<void> Gates::pass(std::shared_ptr<Passage> passage) {
  co_await until_whole(passage->path);
  const auto [error] = co_await passage->node.async_connect(passage->there, use_result);
  if (error) co_return;
  boost::system::error_code ignored;
  passage->dialler.set_option(tcp::no_delay(true), ignored);
  passage->node.set_option(tcp::no_delay(true), ignored);
  // Named before they are awaited with: GCC 12 destroys a function twice that is made in the
  // await's own expression (its bug 99576).
  const std::function<asio::awaitable<void>()> may_pass = [this, at = passage.get()] {
    return until_whole(at->path);
  };
  const std::shared_ptr<void> owner = passage;
  asio::co_spawn(loop_, forward(owner, passage->dialler, passage->node, may_pass), rethrow);
  co_await forward(owner, passage->node, passage->dialler, may_pass);
}

}  // namespace cluster
