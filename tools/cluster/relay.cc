#include "tools/cluster/relay.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "tools/cluster/forward.h"

namespace cluster {

using asio::ip::tcp;

namespace {

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);

void rethrow(const std::exception_ptr& failure) {
  if (failure) std::rethrow_exception(failure);
}

/// Both ends of one relayed connection; ends when the last of its two directions does.
struct Pipe {
  tcp::socket client;
  tcp::socket node;
  Placement& placement;
  std::string name;
  std::size_t& connections;

  ~Pipe() {
    placement.release(name);
    --connections;
  }
};

}  // namespace

Relay::Relay(asio::io_context& loop, Placement& placement, std::size_t connections_max)
    : loop_(loop), placement_(placement), connections_max_(connections_max), acceptor_(loop) {}

Result<void> Relay::listen(std::uint16_t port) {
  if (auto listening = listen_on_loopback(acceptor_, port); !listening) return listening.error();
  const auto take = [this](tcp::socket client) {
    if (connections_ < connections_max_) asio::co_spawn(loop_, serve(std::move(client)), rethrow);
  };
  asio::co_spawn(loop_, accept_all(nullptr, acceptor_, take), rethrow);
  return {};
}

void Relay::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

asio::awaitable<void> Relay::serve(tcp::socket client) {
  const auto node = placement_.place();
  if (!node) co_return;
  ++connections_;
  const std::shared_ptr<Pipe> pipe(new Pipe{.client = std::move(client),
                                            .node = tcp::socket(loop_),
                                            .placement = placement_,
                                            .name = node->name,
                                            .connections = connections_});
  const tcp::endpoint there(asio::ip::address_v4::loopback(), node->c2s_port);
  const auto [error] = co_await pipe->node.async_connect(there, use_result);
  if (error) co_return;
  boost::system::error_code ignored;
  pipe->client.set_option(tcp::no_delay(true), ignored);
  pipe->node.set_option(tcp::no_delay(true), ignored);
  const std::shared_ptr<void> owner = pipe;
  asio::co_spawn(loop_, forward(owner, pipe->client, pipe->node), rethrow);
  co_await forward(owner, pipe->node, pipe->client);
}

}  // namespace cluster
