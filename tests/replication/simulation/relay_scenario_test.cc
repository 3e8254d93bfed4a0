// Links through other nodes on virtual time, where "at once" and "never" can be told exactly.

#include <gtest/gtest.h>

#include "tests/replication/simulation/cluster.h"

namespace replication::simulation {
namespace {

constexpr std::size_t a = 0, b = 1, c = 2;

PeerStatus peer(Cluster& cluster, std::size_t at, std::size_t of) {
  for (PeerStatus& status : cluster.at(at)->node().peers()) {
    if (status.id.name == cluster.at(of)->id().name) return status;
  }
  return {};
}

bool sees(Cluster& cluster, std::size_t at, const Member& other) {
  auto ref = cluster.at(at)->node().ref(other.id());
  return ref && cluster.at(at)->node().reachable(*ref);
}

bool relayed(Cluster& cluster, std::size_t one, std::size_t other) {
  return peer(cluster, one, other).state == PeerState::ready &&
         !peer(cluster, one, other).via.empty();
}

struct Joined : Cluster {
  explicit Joined(std::size_t machines, std::uint64_t seed = 1)
      : Cluster(seed, machines, {{"t", false}, {"unique", true}}) {
    for (std::size_t machine = 0; machine < machines; ++machine) start(machine);
    publish(10ms);
    settle();
  }

  void refuse(std::size_t one, std::size_t other) {
    network.path(one, other).refuses = network.path(other, one).refuses = true;
  }

  // Lets time pass while a and b must see each other.
  void run_seeing(World::Duration span) {
    for (auto until = world.now() + span; world.now() < until;) {
      run(5ms);
      ASSERT_TRUE(sees(*this, a, *at(b)) && sees(*this, b, *at(a)));
    }
  }

  // Messages and records of both, that all must arrive.
  void talk() {
    for (auto [from, to] : {std::pair(at(a), at(b)), std::pair(at(b), at(a))}) {
      from->send(*to, 100);
      from->put(0, {"k", std::to_string(world.random.below(5))}, 0, 50);
      from->wait_replicated(0, 10s);
    }
  }
};

TEST(RefusedDial, IsNotDeathWhileAThirdNodeReachesTheNode) {
  Joined cluster(3);
  cluster.refuse(a, b);
  cluster.network.reset(a, b);
  cluster.run_seeing(5s);
  EXPECT_TRUE(relayed(cluster, a, b) && relayed(cluster, b, a));
  cluster.settle();
  EXPECT_EQ(cluster.world.failure(), "");
}

TEST(SilentPath, IsRelayedBeforeThePeerCountsAsUnreachable) {
  for (bool one_way : {false, true}) {
    Joined cluster(3);
    cluster.stall(a, b);
    if (!one_way) cluster.stall(b, a);
    cluster.run_seeing(5s);
    EXPECT_TRUE(relayed(cluster, a, b) && relayed(cluster, b, a)) << one_way;
    cluster.mend(a, b);
    cluster.settle();
    cluster.run(1s);
    EXPECT_EQ(peer(cluster, a, b).via, "") << one_way;
    EXPECT_EQ(peer(cluster, b, a).via, "") << one_way;
    EXPECT_EQ(cluster.world.failure(), "");
  }
}

// Six who all may ask the five others whether they reach the dead one.
TEST(DeadProcess, IsGoneAtOnceThoughAllAreAsked) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Joined cluster(7, seed);
    const Member& dead = *cluster.at(b);
    cluster.crash(b);
    cluster.run(100ms);
    for (std::size_t machine : {0, 2, 3, 4, 5, 6}) {
      EXPECT_FALSE(cluster.at(machine)->node().alive(*cluster.at(machine)->node().ref(dead.id())))
          << seed << " " << machine;
    }
  }
}

TEST(Relay, IsLeftWhenItsProcessIsStopped) {
  Joined cluster(4);
  cluster.refuse(a, b);
  cluster.network.reset(a, b);
  cluster.run_seeing(1s);
  ASSERT_TRUE(relayed(cluster, a, b));
  const std::size_t relay = peer(cluster, a, b).via == cluster.at(c)->id().name ? c : 3;
  cluster.at(relay)->pause();
  cluster.run_seeing(3s);
  EXPECT_NE(peer(cluster, a, b).via, cluster.at(relay)->id().name);
  cluster.at(relay)->resume();
  cluster.settle();
  EXPECT_EQ(cluster.world.failure(), "");
}

// The path comes and goes in all ways, at any moment, with much under way.
TEST(Relay, LosesDoublesAndReordersNothingAsPathsComeAndGo) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Joined cluster(3, seed);
    auto& random = cluster.world.random;
    for (int turn = 0; turn < 60 && !cluster.world.failed(); ++turn) {
      switch (random.below(5)) {
        case 0:
          cluster.cut(a, b);
          break;
        case 1:
          cluster.refuse(a, b);
          cluster.network.reset(a, b);
          break;
        case 2:
          cluster.network.reset(a, b);
          break;
        case 3:
          cluster.stall(a, b);
          break;
        default:
          cluster.heal();
      }
      for (int i = 0; i < 10; ++i) {
        cluster.talk();
        cluster.run(random.between(0us, std::chrono::microseconds(40ms)));
      }
    }
    cluster.heal();
    cluster.settle();
    ASSERT_EQ(cluster.world.failure(), "") << seed;
    for (const Truth::Message& message : cluster.truth.messages) {
      ASSERT_EQ(message.delivered, 1u) << seed;
    }
  }
}

}  // namespace
}  // namespace replication::simulation
