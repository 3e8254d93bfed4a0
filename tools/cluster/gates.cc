#include "tools/cluster/gates.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <exception>
#include <vector>

#include "tools/cluster/port_holder.h"

namespace cluster {

using asio::ip::tcp;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t buffer_bytes = 64 * 1024;  // What a cut path holds, each way.
constexpr auto accept_pause = 100ms;             // Out of file descriptors: some may come free.

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
  const auto loopback = asio::ip::address_v4::loopback();
  const tcp::endpoint here(loopback, record_.ports.of(node.number, Service::peers));
  if (gates_.contains(node.name)) return {};  // Of its former life, whose end is not seen yet.
  auto gate = std::make_shared<Gate>(loop_);
  gate->node = node.name;
  gate->there = {loopback, record_.ports.of(node.number, Service::behind_gate)};
  boost::system::error_code error;
  gate->acceptor.open(here.protocol(), error);
  if (!error) gate->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) gate->acceptor.bind(here, error);
  if (!error) gate->acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) {
    return Fault{"no gate for " + node.name + " on port " + std::to_string(here.port()) + ": " +
                     error.message(),
                 ""};
  }
  gates_[node.name] = gate;
  asio::co_spawn(loop_, accept_all(std::move(gate)), rethrow);
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

asio::awaitable<void> Gates::accept_all(std::shared_ptr<Gate> gate) {
  while (gate->acceptor.is_open()) {
    tcp::socket accepted(loop_);
    const auto [error] = co_await gate->acceptor.async_accept(accepted, use_result);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      asio::steady_timer pause(loop_, accept_pause);
      co_await pause.async_wait(use_result);
      continue;
    }
    auto passage = std::make_shared<Passage>(Passage{.dialler = std::move(accepted),
                                                     .node = tcp::socket(loop_),
                                                     .there = gate->there,
                                                     .path = std::nullopt});
    if (const auto from = dialler(passage->dialler)) {
      passage->path = Path(std::min(*from, gate->node), std::max(*from, gate->node));
    }
    asio::co_spawn(loop_, pass(std::move(passage)), rethrow);
  }
}

asio::awaitable<void> Gates::until_whole(const std::optional<Path>& path) {
  while (path && cuts_.contains(*path)) co_await healed_.async_wait(use_result);
}

asio::awaitable<void> Gates::pass(std::shared_ptr<Passage> passage) {
  co_await until_whole(passage->path);
  const auto [error] = co_await passage->node.async_connect(passage->there, use_result);
  if (error) co_return;
  boost::system::error_code ignored;
  passage->dialler.set_option(tcp::no_delay(true), ignored);
  passage->node.set_option(tcp::no_delay(true), ignored);
  asio::co_spawn(loop_, pump(passage, true), rethrow);
  co_await pump(passage, false);
}

/// Moves bytes one way until that way is closed, and passes the close on. After an error both ways
/// are closed: half a link is of no use to anybody.
asio::awaitable<void> Gates::pump(std::shared_ptr<Passage> passage, bool to_node) {
  tcp::socket& from = to_node ? passage->dialler : passage->node;
  tcp::socket& to = to_node ? passage->node : passage->dialler;
  std::vector<char> buffer(buffer_bytes);
  boost::system::error_code ignored;
  while (true) {
    const auto [unread, size] = co_await from.async_read_some(asio::buffer(buffer), use_result);
    co_await until_whole(passage->path);
    if (unread == asio::error::eof) {
      to.shutdown(tcp::socket::shutdown_send, ignored);
      co_return;
    }
    if (unread) break;
    const auto [unsent, sent] =
        co_await asio::async_write(to, asio::buffer(buffer.data(), size), use_result);
    if (unsent) break;
  }
  from.close(ignored);
  to.close(ignored);
}

}  // namespace cluster
