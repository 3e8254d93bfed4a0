#pragma once

#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "benchmarks/replication/replica/latencies.h"

namespace benchmarks {

/// How a program without us would talk to two others.
enum class Waiting {
  epoll,     ///< One thread serves all connections: asks which are ready, then reads these.
  blocking,  ///< Reads one connection after the other; the other side has a thread for each.
};

/// Gives back what it is sent: the floor that a replicated write is measured against.
class Echo {
 public:
  explicit Echo(Waiting waiting);
  ~Echo();
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  void serve_blocking();
  void serve_by_epoll();

  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

/// Sends `bytes` to each port of 127.0.0.1 and waits until all have given them back, `count`
/// times. No count: somebody does not answer.
Latencies round_trips(Waiting waiting, const std::vector<std::uint16_t>& ports, std::size_t bytes,
                      std::uint64_t count);

}  // namespace benchmarks
