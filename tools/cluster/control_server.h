#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/json/object.hpp>
#include <filesystem>
#include <functional>
#include <string>

#include "tools/cluster/fault.h"
#include "tools/cluster/fleet.h"
#include "tools/cluster/message.h"

namespace cluster {

namespace asio = boost::asio;

/// The supervisor's Unix socket: takes commands and sends back progress and a reply, as message.h
/// says. Readable and writable by its owner only.
///
/// Threads: lives on the supervisor's loop. `stop()` before destruction.
class ControlServer {
 public:
  using Command = std::function<asio::awaitable<Reply>(boost::json::object, Progress)>;

  /// `command` runs each command; several may run at once.
  ControlServer(asio::io_context& loop, Command command);

  /// Errors: the socket cannot be made. A stale one is replaced; that no other supervisor lives
  /// is the caller's to know.
  Result<void> listen(const std::filesystem::path& socket);

  /// Takes no more commands. Replies under way are still sent.
  void stop();

  /// Ends once no reply is under way any more, at the latest at the deadline.
  asio::awaitable<void> replies_sent(Deadline deadline);

 private:
  struct Connection;

  asio::awaitable<void> accept_all();
  asio::awaitable<void> serve(std::shared_ptr<Connection> connection);

  asio::io_context& loop_;
  Command command_;
  asio::local::stream_protocol::acceptor acceptor_;
  std::size_t connections_ = 0;
};

}  // namespace cluster
