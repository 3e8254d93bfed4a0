#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "tools/cluster/fault.h"
#include "tools/cluster/placement.h"

namespace cluster {

namespace asio = boost::asio;

/// The cluster's one address: passes each new connection on to the node that `Placement` names and
/// then only moves bytes. A connection never moves; with no node ready a new one is closed.
///
/// Threads: lives on the loop it is given.
class Relay {
 public:
  /// Past `connections_max` new connections are closed at once.
  Relay(asio::io_context& loop, Placement& placement, std::size_t connections_max);

  /// Errors: the port is taken.
  Result<void> listen(std::uint16_t port);

  /// Takes no more connections; those there are end with their clients or nodes.
  void stop();

 private:
  asio::awaitable<void> serve(asio::ip::tcp::socket client);

  asio::io_context& loop_;
  Placement& placement_;
  std::size_t connections_max_;
  std::size_t connections_ = 0;
  asio::ip::tcp::acceptor acceptor_;
};

}  // namespace cluster
