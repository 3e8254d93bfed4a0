#include "tools/cluster/relay.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

namespace cluster {

using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t buffer_bytes = 16 * 1024;
constexpr auto accept_pause = 100ms;  // Out of file descriptors: some may come free.

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

/// Moves bytes one way until that way is closed, and passes the close on. After an error both ways
/// are closed: half a stream is of no use to anybody.
asio::awaitable<void> pump(std::shared_ptr<Pipe> pipe, bool to_node) {
  tcp::socket& from = to_node ? pipe->client : pipe->node;
  tcp::socket& to = to_node ? pipe->node : pipe->client;
  std::array<char, buffer_bytes> buffer{};
  boost::system::error_code ignored;
  while (true) {
    const auto [unread, size] = co_await from.async_read_some(asio::buffer(buffer), use_result);
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

}  // namespace

Relay::Relay(asio::io_context& loop, Placement& placement, std::size_t connections_max)
    : loop_(loop), placement_(placement), connections_max_(connections_max), acceptor_(loop) {}

Result<void> Relay::listen(std::uint16_t port) {
  const tcp::endpoint here(asio::ip::address_v4::loopback(), port);
  boost::system::error_code error;
  acceptor_.open(here.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(here, error);
  if (!error) acceptor_.listen(tcp::acceptor::max_listen_connections, error);
  if (error) {
    return Fault{"cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + error.message(), ""};
  }
  asio::co_spawn(loop_, accept_all(), rethrow);
  return {};
}

void Relay::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

asio::awaitable<void> Relay::accept_all() {
  while (acceptor_.is_open()) {
    tcp::socket client(loop_);
    const auto [error] = co_await acceptor_.async_accept(client, use_result);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      asio::steady_timer pause(loop_, accept_pause);
      co_await pause.async_wait(use_result);
      continue;
    }
    if (connections_ < connections_max_) asio::co_spawn(loop_, serve(std::move(client)), rethrow);
  }
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
  asio::co_spawn(loop_, pump(pipe, true), rethrow);
  co_await pump(pipe, false);
}

}  // namespace cluster
