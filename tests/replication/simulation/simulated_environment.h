#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "replication/environment.h"
#include "tests/replication/simulation/loop.h"
#include "tests/replication/simulation/network.h"

namespace replication::simulation {

/// What one process on one machine of the simulated network sees of the world.
class SimulatedEnvironment : public Environment {
 public:
  SimulatedEnvironment(Network& network, std::size_t machine, std::shared_ptr<Loop> loop)
      : network_(network), machine_(machine), loop_(std::move(loop)) {}

  ~SimulatedEnvironment() override {
    loop_->kill();
    network_.kill(loop_.get());
  }

  Time now() const override { return network_.world().now(); }
  void post(Task task) override { loop_->post(std::move(task)); }
  void after(std::chrono::steady_clock::duration delay, Task task) override {
    network_.world().after(delay, [loop = loop_, task = std::move(task)] { loop->post(task); });
  }

  std::string random_bytes(std::size_t count) override {
    std::string bytes(count, '\0');
    for (char& byte : bytes) byte = static_cast<char>(network_.world().random.next());
    return bytes;
  }

  Result<std::unique_ptr<Listener>> listen(const std::string&, std::uint16_t port) override {
    return network_.listen(machine_, port, loop_);
  }
  std::unique_ptr<Connection> dial(const std::string& host, std::uint16_t port,
                                   DialHandler done) override {
    return network_.dial(machine_, loop_, host, port, std::move(done));
  }

  void start() override { loop_->start(); }
  void finish(Task last) override {
    loop_->finish();
    network_.world().after({}, std::move(last));
  }
  void join() override {}  // There is no thread; the world waits for finished().
  void close() override { loop_->finish(); }

 private:
  Network& network_;
  const std::size_t machine_;
  const std::shared_ptr<Loop> loop_;
};

}  // namespace replication::simulation
