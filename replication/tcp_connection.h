#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <string>

#include "replication/environment.h"
#include "replication/link_loop.h"

namespace replication {

namespace asio = boost::asio;

/// A TCP connection on Asio.
class TcpConnection : public Connection {
 public:
  using Tcp = asio::ip::tcp;

  /// Not connected yet.
  explicit TcpConnection(const LinkLoop& loop)
      : loop_(loop), socket_(loop.io), resolver_(loop.io) {}

  /// Accepted.
  TcpConnection(const LinkLoop& loop, Tcp::socket socket);

  void dial(const std::string& host, std::uint16_t port, Environment::DialHandler done);

  void read(std::span<char> buffer, ReadHandler done) override;
  void write(std::string_view bytes, WriteHandler done) override;
  void write_now(std::string_view bytes) override;
  void shutdown_send() override;
  void close() override;
  std::string remote_address() const override { return remote_address_; }

 private:
  void connected();

  const LinkLoop loop_;
  Tcp::socket socket_;
  Tcp::resolver resolver_;
  std::string remote_address_;
  bool closed_ = false;
};

}  // namespace replication
