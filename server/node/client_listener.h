#pragma once

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/config/endpoint.h"
#include "server/loop/descriptor.h"
#include "server/loop/loop.h"
#include "server/stream/client_stream.h"

namespace server {

/// Accepts clients on one loop and keeps their streams. Every loop has one, on the same ports
/// (SO_REUSEPORT): the kernel spreads the connections.
///
/// Threads: lives on its loop; open() and close_acceptors() come before the loop starts or are
/// posted to it.
class ClientListener {
 public:
  ClientListener(RoutedLoop& home, StreamServices& services);

  /// Listens. Errors: those of the system, address_in_use first of all. `port` 0 is given a port;
  /// see port().
  boost::system::error_code open(const Endpoint& endpoint, ClientStream::Transport transport);

  void close_acceptors();

  /// Ends up to `count` bound streams with `<system-shutdown/>`, returns how many;
  /// `keeps_sessions`: as of ClientStream::shut_down().
  std::size_t end_sessions(std::size_t count, std::string_view text, bool keeps_sessions);

  /// Closes what is left, without waiting for anybody.
  void close_all();

  std::size_t streams() const { return young_.size() + bound_.size(); }

 private:
  struct Acceptor final : Loop::Watcher, std::enable_shared_from_this<Acceptor> {
    void on_ready(std::uint32_t) override { listener->accept(*this); }
    ClientListener* listener = nullptr;
    Descriptor socket;
    ClientStream::Transport transport{};
  };

  void accept(Acceptor& acceptor);
  void add(Descriptor socket, ClientStream::Transport transport);
  void on_tick();
  void remove(ClientStream& stream);

  RoutedLoop& home_;
  StreamServices& services_;
  std::vector<std::shared_ptr<Acceptor>> acceptors_;

  // Streams on their way to a session are looked at each tick, the others in turns.
  std::unordered_map<ClientStream*, std::shared_ptr<ClientStream>> young_;
  std::vector<std::shared_ptr<ClientStream>> bound_;
  std::unordered_map<ClientStream*, std::size_t> place_;  // In `bound_`.
  std::size_t next_slice_ = 0;
};

}  // namespace server
