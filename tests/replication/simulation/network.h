#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "replication/environment.h"
#include "tests/replication/simulation/loop.h"
#include "tests/replication/simulation/world.h"

namespace replication::simulation {

class Wire;
class SimulatedListener;

/// The way from one machine to another, in this direction only.
struct Path {
  std::chrono::microseconds latency_min{50}, latency_max{500};
  std::size_t slice_max = 64 * 1024;  ///< Bytes that arrive at once, at most.
  bool stalled = false;               ///< What is sent waits; nothing tells either side.
  bool refuses = false;               ///< Who dials is told that nobody listens.
};

/// Machines "m0", "m1", … and the connections between them. Keeps order within a connection, and
/// nowhere else.
class Network {
 public:
  Network(World& world, std::size_t machines);

  World& world() { return world_; }
  std::size_t machines() const { return machines_; }
  Path& path(std::size_t from, std::size_t to) { return paths_[from * machines_ + to]; }
  static std::string name(std::size_t machine) { return "m" + std::to_string(machine); }

  void stall(std::size_t from, std::size_t to);
  void flow(std::size_t from, std::size_t to);

  /// All connections between the two end at once, as by a reset.
  void reset(std::size_t one, std::size_t other);

  /// The process of `loop` has ended: its handlers are forgotten, its connections closed.
  void kill(const Loop* loop);

  Result<std::unique_ptr<Listener>> listen(std::size_t machine, std::uint16_t port,
                                           std::shared_ptr<Loop> loop);
  std::unique_ptr<Connection> dial(std::size_t from, std::shared_ptr<Loop> loop,
                                   const std::string& host, std::uint16_t port,
                                   Environment::DialHandler done);

 private:
  friend class SimulatedListener;
  friend class DialledConnection;
  struct Dial;

  void knock(const std::shared_ptr<Dial>& dial);
  void answer(const std::shared_ptr<Dial>& dial, bool refused);
  void connect(const std::shared_ptr<Dial>& dial);
  std::chrono::microseconds latency(std::size_t from, std::size_t to);
  std::shared_ptr<Wire> new_wire(std::size_t from, std::shared_ptr<Loop> from_loop, std::size_t to,
                                 std::shared_ptr<Loop> to_loop);

  World& world_;
  const std::size_t machines_;
  std::vector<Path> paths_;
  std::map<std::pair<std::size_t, std::uint16_t>, SimulatedListener*> listeners_;
  std::vector<std::weak_ptr<Wire>> wires_;
  std::vector<std::weak_ptr<Dial>> dials_;
  std::uint16_t next_port_ = 40'000;
};

}  // namespace replication::simulation
