#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "tools/cluster/fault.h"

// What the balancer (relay.h) and the gates between nodes (gates.h) have in common: they listen on
// loopback and pass bytes on.

namespace cluster {

namespace asio = boost::asio;

/// Opens `acceptor` on 127.0.0.1:`port`. Errors: the port is taken.
Result<void> listen_on_loopback(asio::ip::tcp::acceptor& acceptor, std::uint16_t port);

/// Calls `accepted` with each connection until `acceptor`, which `owner` keeps alive, is closed.
asio::awaitable<void> accept_all(std::shared_ptr<void> owner, asio::ip::tcp::acceptor& acceptor,
                                 std::function<void(asio::ip::tcp::socket)> accepted);

/// Moves bytes one way until that way is closed, and passes the close on. After an error both
/// sockets, which `owner` keeps alive, are closed: half a stream is of no use to anybody. What was
/// read waits for `may_pass`, if there is one.
asio::awaitable<void> forward(std::shared_ptr<void> owner, asio::ip::tcp::socket& from,
                              asio::ip::tcp::socket& to,
                              std::function<asio::awaitable<void>()> may_pass = nullptr);

}  // namespace cluster
