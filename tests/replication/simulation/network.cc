#include "tests/replication/simulation/network.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <deque>
#include <utility>

#include "tests/replication/simulation/wire.h"

namespace replication::simulation {
namespace {

namespace error = boost::asio::error;

// A dial that nobody answers knocks again so often.
constexpr auto knock_every = 100ms;

}  // namespace

class SimulatedListener : public Listener {
 public:
  SimulatedListener(Network& network, std::size_t machine, std::uint16_t port,
                    std::shared_ptr<Loop> loop)
      : network_(network), machine_(machine), port_(port), loop_(std::move(loop)) {
    network_.listeners_[{machine_, port_}] = this;
  }
  ~SimulatedListener() override { SimulatedListener::close(); }

  std::uint16_t port() const override { return port_; }
  const std::shared_ptr<Loop>& loop() const { return loop_; }

  void accept(AcceptHandler done) override {
    waiting_ = std::move(done);
    hand_over();
  }

  void close() override {
    if (std::exchange(closed_, true)) return;
    network_.listeners_.erase({machine_, port_});
    arrived_.clear();
    if (waiting_) {
      loop_->post(
          [done = std::exchange(waiting_, nullptr)] { done(error::operation_aborted, nullptr); });
    }
  }

  void arrive(std::unique_ptr<Connection> connection) {
    arrived_.push_back(std::move(connection));
    hand_over();
  }

 private:
  void hand_over() {
    if (!waiting_ || arrived_.empty()) return;
    // A std::function must be copyable, a connection is not.
    auto connection = std::make_shared<std::unique_ptr<Connection>>(std::move(arrived_.front()));
    arrived_.pop_front();
    loop_->post([done = std::exchange(waiting_, nullptr), connection] {
      done({}, std::move(*connection));
    });
  }

  Network& network_;
  const std::size_t machine_;
  const std::uint16_t port_;
  const std::shared_ptr<Loop> loop_;
  AcceptHandler waiting_;
  std::deque<std::unique_ptr<Connection>> arrived_;
  bool closed_ = false;
};

struct Network::Dial {
  std::size_t from = 0, to = 0;
  std::uint16_t port = 0;
  std::shared_ptr<Loop> loop;
  Environment::DialHandler done;  // Null once told.
  std::unique_ptr<SimulatedConnection> connection;

  void tell(boost::system::error_code why) {
    if (!done) return;
    loop->post([done = std::exchange(done, nullptr), why] { done(why); });
  }
};

/// The Connection of who dials, before and after it stands.
class DialledConnection : public Connection {
 public:
  explicit DialledConnection(std::shared_ptr<Network::Dial> dial) : dial_(std::move(dial)) {}
  ~DialledConnection() override { dial_->done = nullptr; }

  void read(std::span<char> buffer, ReadHandler done) override {
    dial_->connection->read(buffer, std::move(done));
  }
  void write(std::string_view bytes, WriteHandler done) override {
    dial_->connection->write(bytes, std::move(done));
  }
  void write_now(std::string_view bytes) override { dial_->connection->write_now(bytes); }
  void shutdown_send() override { dial_->connection->shutdown_send(); }
  void close() override {
    dial_->tell(error::operation_aborted);
    if (dial_->connection) dial_->connection->close();
  }
  std::string remote_address() const override { return Network::name(dial_->to); }

 private:
  const std::shared_ptr<Network::Dial> dial_;
};

Network::Network(World& world, std::size_t machines)
    : world_(world), machines_(machines), paths_(machines * machines) {}

std::chrono::microseconds Network::latency(std::size_t from, std::size_t to) {
  const Path& way = path(from, to);
  return world_.random.between(way.latency_min, way.latency_max);
}

void Network::stall(std::size_t from, std::size_t to) { path(from, to).stalled = true; }

void Network::flow(std::size_t from, std::size_t to) {
  if (!std::exchange(path(from, to).stalled, false)) return;
  for (const auto& weak : wires_) {
    if (auto wire = weak.lock()) wire->resume();
  }
}

void Network::reset(std::size_t one, std::size_t other) {
  for (const auto& weak : wires_) {
    auto wire = weak.lock();
    if (!wire) continue;
    std::size_t from = wire->end(0).machine, to = wire->end(1).machine;
    if ((from == one && to == other) || (from == other && to == one)) wire->reset();
  }
}

void Network::kill(const Loop* loop) {
  for (std::size_t i = 0; i < wires_.size(); ++i) {
    if (auto wire = wires_[i].lock()) wire->kill(loop);
  }
  for (std::size_t i = 0; i < dials_.size(); ++i) {
    auto dial = dials_[i].lock();
    if (dial && dial->loop.get() == loop) auto dropped = std::exchange(dial->done, nullptr);
  }
}

std::shared_ptr<Wire> Network::new_wire(std::size_t from, std::shared_ptr<Loop> from_loop,
                                        std::size_t to, std::shared_ptr<Loop> to_loop) {
  Wire::End dialled, accepted;
  dialled.machine = from;
  dialled.loop = std::move(from_loop);
  accepted.machine = to;
  accepted.loop = std::move(to_loop);
  auto wire = std::make_shared<Wire>(*this, std::move(dialled), std::move(accepted));
  std::erase_if(wires_, [](const auto& weak) { return weak.expired(); });
  wires_.push_back(wire);
  return wire;
}

Result<std::unique_ptr<Listener>> Network::listen(std::size_t machine, std::uint16_t port,
                                                  std::shared_ptr<Loop> loop) {
  if (port == 0) port = next_port_++;
  if (listeners_.contains({machine, port})) {
    return boost::system::error_code(error::address_in_use);
  }
  return std::unique_ptr<Listener>(
      std::make_unique<SimulatedListener>(*this, machine, port, std::move(loop)));
}

std::unique_ptr<Connection> Network::dial(std::size_t from, std::shared_ptr<Loop> loop,
                                          const std::string& host, std::uint16_t port,
                                          Environment::DialHandler done) {
  auto dial = std::make_shared<Dial>();
  dial->from = from;
  dial->to = std::stoul(host.substr(1));
  dial->port = port;
  dial->loop = std::move(loop);
  dial->done = std::move(done);
  std::erase_if(dials_, [](const auto& weak) { return weak.expired(); });
  dials_.push_back(dial);
  world_.after(latency(from, dial->to), [this, dial] { knock(dial); });
  return std::make_unique<DialledConnection>(dial);
}

void Network::knock(const std::shared_ptr<Dial>& dial) {
  if (!dial->done) return;  // Given up.
  if (path(dial->from, dial->to).stalled) {
    world_.after(knock_every, [this, dial] { knock(dial); });
    return;
  }
  bool refused = path(dial->from, dial->to).refuses || !listeners_.contains({dial->to, dial->port});
  answer(dial, refused);
}

void Network::answer(const std::shared_ptr<Dial>& dial, bool refused) {
  if (path(dial->to, dial->from).stalled) {  // It knocks again, and is answered again.
    world_.after(knock_every, [this, dial] { knock(dial); });
    return;
  }
  world_.after(latency(dial->to, dial->from), [this, dial, refused] {
    if (refused) {
      dial->tell(error::connection_refused);
    } else {
      connect(dial);
    }
  });
}

void Network::connect(const std::shared_ptr<Dial>& dial) {
  auto at = listeners_.find({dial->to, dial->port});
  if (!dial->done) return;
  if (at == listeners_.end()) {  // It has gone in between.
    dial->tell(error::connection_refused);
    return;
  }
  auto wire = new_wire(dial->from, dial->loop, dial->to, at->second->loop());
  dial->connection = std::make_unique<SimulatedConnection>(wire, 0);
  dial->tell({});
  auto accepted =
      std::make_shared<std::unique_ptr<Connection>>(std::make_unique<SimulatedConnection>(wire, 1));
  world_.after(latency(dial->from, dial->to),
               [this, accepted, to = std::pair(dial->to, dial->port), loop = at->second->loop()] {
                 auto listener = listeners_.find(to);
                 if (listener == listeners_.end() || listener->second->loop() != loop) return;
                 listener->second->arrive(std::move(*accepted));
               });
}

}  // namespace replication::simulation
