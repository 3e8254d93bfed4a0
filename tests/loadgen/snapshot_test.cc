#include "loadgen/snapshot.h"

#include <gtest/gtest.h>

namespace loadgen {
namespace {

TEST(Snapshot, AddsCountersAndHistogramsOfTwoShards) {
  Snapshot one;
  one.logins = 2;
  one.login.record(Micros(100));
  one.reasons["lost"] = 1;
  Snapshot other;
  other.logins = 3;
  other.login.record(Micros(200));
  other.reasons["lost"] = 2;
  other.targets.resize(2);
  other.targets[1].online = 4;
  other.targets[1].delivery.record(Micros(50));
  one.add(other);
  EXPECT_EQ(one.logins, 5U);
  EXPECT_EQ(one.login.count(), 2U);
  EXPECT_EQ(one.reasons["lost"], 3U);
  ASSERT_EQ(one.targets.size(), 2U);
  EXPECT_EQ(one.targets[1].online, 4U);
  EXPECT_EQ(one.targets[1].delivery.count(), 1U);
}

TEST(Snapshot, KeepsItsCountersWhenItsHistogramsAreTaken) {
  Snapshot taken;
  taken.received = 7;
  taken.targets.resize(1);
  taken.targets[0].logins = 3;
  taken.targets[0].delivery.record(Micros(50));
  for (const char* name : {"delivery", "within", "across", "login", "offline", "lag"}) {
    ASSERT_NE(taken.find(name), nullptr) << name;
  }
  taken.lag.record(Micros(1));
  taken.clear_histograms();
  EXPECT_EQ(taken.lag.count(), 0U);
  EXPECT_EQ(taken.targets[0].delivery.count(), 0U);
  EXPECT_EQ(taken.targets[0].logins, 3U);
  EXPECT_EQ(taken.received, 7U);
}

TEST(Snapshot, FindsALatencyByTheNameThatThresholdsUse) {
  Snapshot snapshot;
  snapshot.across.record(Micros(9));
  EXPECT_EQ(snapshot.find("across"), &snapshot.across);
  EXPECT_EQ(snapshot.find("throughput"), nullptr);
}

}  // namespace
}  // namespace loadgen
