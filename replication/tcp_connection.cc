#include "replication/tcp_connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace replication {

TcpConnection::TcpConnection(const LinkLoop& loop, Tcp::socket socket)
    : loop_(loop), socket_(std::move(socket)), resolver_(loop.io) {
  connected();
}

void TcpConnection::dial(const std::string& host, std::uint16_t port,
                         Environment::DialHandler done) {
  auto on_connected =
      loop_.task([this, done = std::move(done)](ErrorCode error, const Tcp::endpoint&) {
        if (!error) connected();
        done(error);
      });
  ErrorCode no_address;
  auto address = asio::ip::make_address(host, no_address);
  if (!no_address) {
    const Tcp::endpoint endpoint(address, port);
    socket_.async_connect(
        endpoint, [on_connected = std::move(on_connected), endpoint](ErrorCode error) mutable {
          on_connected(error, endpoint);
        });
    return;
  }
  resolver_.async_resolve(
      host, std::to_string(port),
      loop_.task([this, on_connected = std::move(on_connected)](
                     ErrorCode error, const Tcp::resolver::results_type& results) mutable {
        // A look-up may end well after it was given up.
        if (closed_) error = asio::error::operation_aborted;
        if (error) {
          on_connected(error, Tcp::endpoint());
        } else {
          asio::async_connect(socket_, results, std::move(on_connected));
        }
      }));
}

void TcpConnection::connected() {
  ErrorCode error;
  remote_address_ = socket_.remote_endpoint(error).address().to_string();
  // Writes are gathered by the link; Nagle would only hold back the last of them. Failing changes
  // nothing, and a connection that is lost already says so at the first read.
  socket_.set_option(Tcp::no_delay(true), error);
}

void TcpConnection::read(std::span<char> buffer, ReadHandler done) {
  socket_.async_read_some(asio::buffer(buffer.data(), buffer.size()), loop_.task(std::move(done)));
}

void TcpConnection::write(std::string_view bytes, WriteHandler done) {
  asio::async_write(
      socket_, asio::buffer(bytes),
      loop_.task([done = std::move(done)](ErrorCode error, std::size_t) { done(error); }));
}

void TcpConnection::write_now(std::string_view bytes) {
  ErrorCode ignored;  // They are a courtesy.
  socket_.non_blocking(true, ignored);
  socket_.send(asio::buffer(bytes), 0, ignored);
}

void TcpConnection::shutdown_send() {
  ErrorCode ignored;  // The other side may have closed before us.
  socket_.shutdown(Tcp::socket::shutdown_send, ignored);
}

void TcpConnection::close() {
  closed_ = true;
  ErrorCode ignored;  // Whatever fails here, the connection is over.
  resolver_.cancel();
  socket_.shutdown(Tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

}  // namespace replication
