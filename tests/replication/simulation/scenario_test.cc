// What schedules have found, by hand: each failed before its bug was mended.

#include <gtest/gtest.h>

#include "tests/replication/simulation/cluster.h"

namespace replication::simulation {
namespace {

// All up, and caught up with each other.
void join(Cluster& cluster) {
  for (std::size_t machine = 0; machine < cluster.machines(); ++machine) cluster.start(machine);
  cluster.publish(10ms);
  cluster.settle();
}

// A new link took a counted peer for one without the table until it had said where it stands.
TEST(Wait, IsNotEndedByANewLinkThatHasNotSaidWhereThePeerStands) {
  Cluster cluster(1, 2, {{"t", false}});
  join(cluster);
  for (int i = 0; i < 50; ++i) {
    cluster.at(0)->put(0, {"k", ""}, 0, 10);
    cluster.at(0)->wait_replicated(0, 2s);
    cluster.network.reset(0, 1);
    cluster.run(cluster.world.random.between(1ms, std::chrono::microseconds(100ms)));
  }
  cluster.settle();
  EXPECT_EQ(cluster.world.failure(), "");
}

// Without a link the peer was left out after lag_max, but Events never heard of it.
TEST(Wait, LeavesOutAPeerThatHasLostItsLinkOnlyWithAWord) {
  Cluster cluster(1, 2, {{"t", false}});
  join(cluster);
  cluster.network.reset(0, 1);
  cluster.cut(0, 1);
  cluster.at(0)->put(0, {"k", ""}, 0, 10);
  cluster.at(0)->wait_replicated(0, 550ms);  // After lag_max, before silence_max.
  cluster.run(560ms);
  EXPECT_FALSE(cluster.at(0)->busy_waiting());
  cluster.heal();
  cluster.settle();
  EXPECT_EQ(cluster.world.failure(), "");
}

}  // namespace
}  // namespace replication::simulation
