#pragma once

#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "replication/error.h"

namespace replication {

/// A stream of bytes between two nodes: TCP in a real node, a queue in a simulated one, TLS upon
/// either (tls_connection.h).
///
/// At most one read and one write are under way at once. The handler of each is called once, from
/// the environment and never from inside the call that began it, with `operation_aborted` after a
/// close(). Until then the connection and the bytes must live: let the handler keep their owner.
///
/// Threads: the environment's.
class Connection {
 public:
  using ErrorCode = boost::system::error_code;
  using ReadHandler = std::function<void(ErrorCode, std::size_t)>;
  using WriteHandler = std::function<void(ErrorCode)>;

  virtual ~Connection() = default;

  /// Reads at least one byte, and what else is there, into `buffer`.
  virtual void read(std::span<char> buffer, ReadHandler done) = 0;

  /// Writes all of `bytes`.
  virtual void write(std::string_view bytes, WriteHandler done) = 0;

  /// Writes what goes at once, with no write under way: the last words before close().
  virtual void write_now(std::string_view bytes) = 0;

  /// Tells the other side that nothing more comes; it can still be read.
  virtual void shutdown_send() = 0;

  /// Ends both directions, and what is under way. Once or more.
  virtual void close() = 0;

  /// Of the other side, without the port; empty before it is known.
  virtual std::string remote_address() const = 0;

  /// What only the two ends of a TLS connection can know, and what is another in each: RFC 9266,
  /// `tls-exporter`. Empty where bytes travel in clear, and before the first read has ended.
  virtual std::string channel_binding() const { return {}; }

  /// Whether the other side may be the node of that name, after its certificate; true in clear.
  virtual bool may_be(std::string_view /*node_name*/) const { return true; }
};

/// Takes the connections that come to one address.
class Listener {
 public:
  using AcceptHandler = std::function<void(boost::system::error_code, std::unique_ptr<Connection>)>;

  virtual ~Listener() = default;

  virtual std::uint16_t port() const = 0;

  /// Waits for one connection. One call at a time; ends with `operation_aborted` at close().
  virtual void accept(AcceptHandler done) = 0;

  /// Connections are refused from here on.
  virtual void close() = 0;
};

/// All that the links of a node need of the outside world: the time, chance, the network, and one
/// thread (the link thread) that runs their tasks one after the other. The real ones are
/// asio_environment(), with a thread of its own or on the application's loop; the simulation in
/// tests/replication/simulation has another, so that the same code runs there on virtual time. It
/// is asked per read, write and timer, never per record.
///
/// Threads: members marked [any thread]; all else from start() or from a task.
/// Design: docs/design/0007-simulation.md
class Environment {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Task = std::function<void()>;
  using DialHandler = std::function<void(boost::system::error_code)>;

  virtual ~Environment() = default;

  /// [any thread] The only clock that links, tables' waits and heartbeats look at.
  virtual Time now() const = 0;

  /// [any thread] Runs `task` soon, after those that were posted before: from a task, at the end of
  /// the loop's turn.
  virtual void post(Task task) = 0;

  /// Runs `task` after so long.
  virtual void after(std::chrono::steady_clock::duration delay, Task task) = 0;

  /// [any thread] Bytes that nobody can guess, for nonces and hash seeds.
  virtual std::string random_bytes(std::size_t count) = 0;

  /// Takes connections at `host`, which is an address; with port 0 at any free port.
  virtual Result<std::unique_ptr<Listener>> listen(const std::string& host, std::uint16_t port) = 0;

  /// Connects to `host`, a name or an address; close() of the connection gives up. `done` is called
  /// as a handler of the connection. Nobody listens there: `connection_refused`.
  virtual std::unique_ptr<Connection> dial(const std::string& host, std::uint16_t port,
                                           DialHandler done) = 0;

  /// Tasks run from here on.
  virtual void start() = 0;

  /// No task runs after the present one, but then `last`. Once.
  virtual void finish(Task last) = 0;

  /// [any thread] Waits for finish(), if there was a start(). Not from a task. Once or more.
  virtual void join() = 0;

  /// No task runs once it returns, finished or not. Not from a task, or, on the application's loop,
  /// from there unless nobody runs it. Once or more.
  virtual void close() = 0;

  /// [any thread] Eight of random_bytes().
  std::uint64_t random_number() {
    std::uint64_t number = 0;
    for (char byte : random_bytes(sizeof number)) {
      number = number << 8 | static_cast<unsigned char>(byte);
    }
    return number;
  }
};

}  // namespace replication
