#include "tests/replication/simulation/cluster.h"

#include <algorithm>
#include <utility>

namespace replication::simulation {

NodeOptions short_limits() {
  NodeOptions options;
  options.cluster = "simulated";
  options.secret = "a secret";
  options.heartbeat = 100ms;
  options.silence_max = 600ms;
  options.forget_after = 3s;
  options.lag_max = 400ms;
  options.hello_max = 1s;
  options.connect_max = 250ms;
  options.backoff_min = 10ms;
  options.backoff_max = 200ms;
  options.backoff_refused_max = 1s;
  return options;
}

Cluster::Cluster(std::uint64_t seed, std::size_t machines, std::vector<Table> tables,
                 std::ostream* trace)
    : world(seed, trace),
      network(world, machines),
      truth{.world = world},
      tables_(std::move(tables)),
      machines_(machines) {
  for (std::size_t machine = 0; machine < machines; ++machine) {
    machines_[machine].options = short_limits();
    machines_[machine].options.name = std::string(1, static_cast<char>('a' + machine));
  }
}

Cluster::~Cluster() {
  for (const auto& member : truth.members) member->kill();
  world.drop();  // Connections on their way close when dropped, and ask the network for it.
}

Member& Cluster::start(std::size_t index, bool same_port) {
  Machine& machine = machines_[index];
  if (machine.port == 0 || !same_port) ++machine.port;
  NodeOptions options = machine.options;
  options.incarnation = ++incarnations_;
  options.listen_port = machine.port;
  machine.powered = true;
  truth.members.push_back(
      std::make_unique<Member>(truth, network, index, options, machine.pace, tables_));
  machine.member = truth.members.back().get();
  machine.member->start();
  return *machine.member;
}

Member& Cluster::replace(std::size_t machine, std::size_t elsewhere) {
  world.trace(Network::name(elsewhere), " takes over the name ", machines_[machine].options.name);
  std::swap(machines_[machine].options.name, machines_[elsewhere].options.name);
  return start(elsewhere);
}

bool Cluster::replaced(const Member& member) const {
  // Even when its successor has died: whoever met that one will not have this one any more.
  return std::any_of(truth.members.begin(), truth.members.end(), [&](const auto& other) {
    return other->id().name == member.id().name &&
           other->id().incarnation > member.id().incarnation;
  });
}

void Cluster::crash(std::size_t machine) {
  if (Member* member = std::exchange(machines_[machine].member, nullptr)) member->kill();
}

void Cluster::power_off(std::size_t machine) {
  world.trace(Network::name(machine), " loses power");
  machines_[machine].powered = false;
  for (std::size_t other = 0; other < machines(); ++other) cut(machine, other);
  crash(machine);
}

void Cluster::stall(std::size_t from, std::size_t to) {
  if (from == to) return;
  world.trace("nothing passes from ", Network::name(from), " to ", Network::name(to));
  network.stall(from, to);
}

void Cluster::flow(std::size_t from, std::size_t to) {
  if (!machines_[from].powered || !machines_[to].powered || !network.path(from, to).stalled) return;
  world.trace("all passes from ", Network::name(from), " to ", Network::name(to));
  network.flow(from, to);
}

void Cluster::cut(std::size_t one, std::size_t other) {
  stall(one, other);
  stall(other, one);
}

void Cluster::mend(std::size_t one, std::size_t other) {
  flow(one, other);
  flow(other, one);
}

void Cluster::heal() {
  for (std::size_t from = 0; from < machines(); ++from) {
    for (std::size_t to = 0; to < machines(); ++to) {
      flow(from, to);
      // Quick as well, so that what is queued arrives in the time that settle() has.
      Path& path = network.path(from, to);
      path = {.stalled = path.stalled};
    }
    Member* member = at(from);
    if (member == nullptr) continue;
    if (replaced(*member)) {
      crash(from);
    } else if (member->paused()) {
      member->resume();
    }
  }
}

void Cluster::publish(std::chrono::microseconds late) {
  std::vector<PeerAddress> listed;
  for (const auto& machine : machines_) {
    if (machine.member != nullptr && !machine.member->leaving() && !replaced(*machine.member)) {
      listed.push_back(machine.member->address());
    }
  }
  for (const auto& machine : machines_) {
    if (machine.member == nullptr || machine.member->leaving()) continue;
    world.after(world.random.between(0us, late), [member = machine.member, listed] {
      if (member->alive()) member->set_peers(listed);
    });
  }
}

void Cluster::run(World::Duration span) {
  world.run(span);
  bury();
}

void Cluster::bury() {
  for (std::size_t machine = 0; machine < machines(); ++machine) {
    if (at(machine) != nullptr && at(machine)->left()) crash(machine);
  }
}

void Cluster::check() {
  for (const auto& member : truth.members) {
    if (!world.failed()) member->check();
  }
}

std::string Cluster::not_settled() {
  for (const auto& machine : machines_) {
    if (machine.member == nullptr) continue;
    if (machine.member->leaving()) return machine.member->name() + " has not left";
    auto why = machine.member->not_settled();
    if (!why.empty()) return why;
  }
  return {};
}

void Cluster::settle(World::Duration limit) {
  const World::Time until = world.now() + limit;
  while (!world.failed() && !not_settled().empty()) {
    check();
    if (world.now() >= until) {
      world.fail("in vain it was waited for all to come right: " + not_settled());
    }
    run(100ms);
  }
  // It must stay so: no late sweep, no link that flaps.
  run(700ms);
  check();
  if (!world.failed() && !not_settled().empty()) {
    world.fail("it did not stay right: " + not_settled());
  }
}

}  // namespace replication::simulation
