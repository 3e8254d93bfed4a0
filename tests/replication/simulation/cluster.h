#pragma once

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "tests/replication/simulation/member.h"
#include "tests/replication/simulation/network.h"
#include "tests/replication/simulation/world.h"

namespace replication::simulation {

/// Options with limits in the ratios of the defaults, but shorter, so that a schedule has fewer
/// ticks: heartbeats every 100 ms, silence after 600 ms, forgotten after 3 s.
NodeOptions short_limits();

/// Machines with at most one process each, a discovery that is late, and the faults that befall
/// them.
class Cluster {
 public:
  using Table = Member::Table;

  Cluster(std::uint64_t seed, std::size_t machines, std::vector<Table> tables,
          std::ostream* trace = nullptr);
  ~Cluster();

  World world;
  Network network;
  Truth truth;

  std::size_t machines() const { return machines_.size(); }
  std::size_t tables() const { return tables_.size(); }

  /// The process on the machine, or null.
  Member* at(std::size_t machine) const { return machines_[machine].member; }

  /// The options of the next life there; name, incarnation and port are filled in.
  NodeOptions& options(std::size_t machine) { return machines_[machine].options; }
  std::chrono::microseconds& pace(std::size_t machine) { return machines_[machine].pace; }

  /// A new life; with the same address as the last one if `same_port`.
  Member& start(std::size_t machine, bool same_port = true);

  /// Another process with the name of the one on `machine`, on the empty machine `elsewhere`: the
  /// old one was given up, but still lives.
  Member& replace(std::size_t machine, std::size_t elsewhere);

  /// The process dies; the kernel closes its connections.
  void crash(std::size_t machine);

  /// The machine dies: nothing tells the others. start() brings it back.
  void power_off(std::size_t machine);

  /// Faults of the network. heal() ends them all, but for machines without power; so do processes
  /// that were replaced.
  void stall(std::size_t from, std::size_t to);
  void flow(std::size_t from, std::size_t to);
  void cut(std::size_t one, std::size_t other);
  void mend(std::size_t one, std::size_t other);
  void heal();

  /// Tells all members who is listed, each after up to `late`.
  void publish(std::chrono::microseconds late);

  /// Lets time pass; takes members away that have left in order.
  void run(World::Duration span);

  /// Checks what readers see on all members.
  void check();

  /// Waits until all has come right, and sees that it stays so. Fails the world after `limit`.
  void settle(World::Duration limit = 15s);

 private:
  struct Machine {
    Member* member = nullptr;
    NodeOptions options;
    std::chrono::microseconds pace{20};
    std::uint16_t port = 0;
    bool powered = true;
  };

  bool replaced(const Member& member) const;
  void bury();
  std::string not_settled();

  const std::vector<Table> tables_;
  std::vector<Machine> machines_;
  std::uint64_t incarnations_ = 0;
};

}  // namespace replication::simulation
