#include "tools/cluster/forward.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string>
#include <utility>

namespace cluster {

using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t buffer_bytes = 16 * 1024;
constexpr auto accept_pause = 100ms;  // Out of file descriptors: some may come free.

}  // namespace

Result<void> listen_on_loopback(tcp::acceptor& acceptor, std::uint16_t port) {
  const tcp::endpoint here(asio::ip::address_v4::loopback(), port);
  boost::system::error_code error;
  acceptor.open(here.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(here, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) {
    return Fault{"cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + error.message(), ""};
  }
  return {};
}

asio::awaitable<void> accept_all(std::shared_ptr<void> /*owner*/, tcp::acceptor& acceptor,
                                 std::function<void(tcp::socket)> accepted) {
  while (acceptor.is_open()) {
    tcp::socket connection(acceptor.get_executor());
    const auto [error] = co_await acceptor.async_accept(connection, use_result);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      asio::steady_timer pause(acceptor.get_executor(), accept_pause);
      co_await pause.async_wait(use_result);
      continue;
    }
    accepted(std::move(connection));
  }
}

asio::awaitable<void> forward(std::shared_ptr<void> /*owner*/, tcp::socket& from, tcp::socket& to,
                              std::function<asio::awaitable<void>()> may_pass) {
  std::array<char, buffer_bytes> buffer{};
  boost::system::error_code ignored;
  while (true) {
    const auto [unread, size] = co_await from.async_read_some(asio::buffer(buffer), use_result);
    if (may_pass) co_await may_pass();
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
