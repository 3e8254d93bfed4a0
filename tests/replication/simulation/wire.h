#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "replication/environment.h"
#include "tests/replication/simulation/loop.h"
#include "tests/replication/simulation/network.h"

namespace replication::simulation {

/// One connection, both ends and what lies between: per direction what the sender's kernel has
/// taken, what the receiver's holds for it to read, and a bound on either. Behaves like TCP: order
/// kept, back-pressure, a FIN behind the last byte, a reset that discards, and silence if the path
/// is stalled.
class Wire : public std::enable_shared_from_this<Wire> {
 public:
  using Side = std::size_t;  // 0 dialled, 1 accepted.

  struct End {
    std::size_t machine = 0;
    std::shared_ptr<Loop> loop;
    Connection::ReadHandler reading;
    std::span<char> buffer;
    bool read_posted = false;
    Connection::WriteHandler writing;
    std::string_view unsent;
    bool reset = false;   // The other side's kernel knows no such connection.
    bool closed = false;  // By this end's own process.
  };

  Wire(Network& network, End dialled, End accepted);

  void read(Side side, std::span<char> buffer, Connection::ReadHandler done);
  void write(Side side, std::string_view bytes, Connection::WriteHandler done);
  void write_now(Side side, std::string_view bytes);
  void shutdown_send(Side side);
  void close(Side side);

  /// Both ends hear of a reset.
  void reset();

  /// The path of one direction flows again.
  void resume();

  /// The process at `loop`, if it is one of the two, has ended.
  void kill(const Loop* loop);

  const End& end(Side side) const { return ends_[side]; }

 private:
  struct Pipe {
    std::size_t flight_max = 0;  // The sender's buffer.
    std::size_t arrived_max = 0;
    std::string flight;
    std::string arrived;
    bool fin = false;  // Follows the flight.
    bool eof = false;  // Has arrived.
    bool moving = false;
  };

  const Path& path(Side from) const;
  void push(Side side);
  void move(Side side);
  void arrive(Side side);
  void offer(Side side);
  void take(Side side);
  void hear_reset(Side side);
  void send_reset(Side from);

  Network& network_;
  std::array<End, 2> ends_;
  std::array<Pipe, 2> pipes_;  // From the side of that number.
};

/// The Connection of one end.
class SimulatedConnection : public Connection {
 public:
  SimulatedConnection(std::shared_ptr<Wire> wire, Wire::Side side)
      : wire_(std::move(wire)), side_(side) {}
  ~SimulatedConnection() override { wire_->close(side_); }

  void read(std::span<char> buffer, ReadHandler done) override {
    wire_->read(side_, buffer, std::move(done));
  }
  void write(std::string_view bytes, WriteHandler done) override {
    wire_->write(side_, bytes, std::move(done));
  }
  void write_now(std::string_view bytes) override { wire_->write_now(side_, bytes); }
  void shutdown_send() override { wire_->shutdown_send(side_); }
  void close() override { wire_->close(side_); }
  std::string remote_address() const override {
    return Network::name(wire_->end(1 - side_).machine);
  }

 private:
  const std::shared_ptr<Wire> wire_;
  const Wire::Side side_;
};

}  // namespace replication::simulation
