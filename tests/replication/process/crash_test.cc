// Processes that are killed (kill -9), one or several at once, and start again.

#include <gtest/gtest.h>

#include "tests/replication/process/replicas.h"
#include "tests/support/eventually.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

// Waits until the others know, and sees to it that they replicate meanwhile.
void expect_gone(Replicas& nodes, std::size_t dead, const Replicas::Numbers& others) {
  const std::string name = nodes[dead].name();
  std::size_t looked = 0;
  for (std::size_t other : others) {
    EXPECT_TRUE(eventually(ReplicaProcess::patience, [&] {
      looked += nodes.witness(others.front(), others);
      return nodes[other].count("gone", name) > 0;
    })) << nodes.events();
  }
  EXPECT_GT(looked, 0u);
}

// Design R5.
TEST(KilledProcess, TakesItsRecordsWithItAndNothingElse) {
  Replicas nodes(4);
  for (std::size_t number = 1; number <= 4; ++number) nodes.put(number, 0, 2000);
  ASSERT_TRUE(nodes.whole()) << nodes.events();
  nodes[4].kill();
  expect_gone(nodes, 4, {1, 2, 3});
  EXPECT_TRUE(nodes.whole()) << nodes.events();
  for (std::size_t number : {1, 2, 3}) EXPECT_EQ(nodes.owners_at(number, 4, 0), "");
}

// Design R5, R2: nobody who lives waits for them.
TEST(KilledProcesses, OfWhichSeveralDieAtOnceLeaveTheOthersWhole) {
  Replicas nodes(5);
  for (std::size_t number = 1; number <= 5; ++number) nodes.put(number, 0, 1000);
  ASSERT_TRUE(nodes.whole()) << nodes.events();
  nodes.start_writers(1000);
  nodes[2].kill();
  nodes[5].kill();
  for (std::size_t dead : {2, 5}) expect_gone(nodes, dead, {1, 3, 4});
  nodes.stop_writers();
  EXPECT_TRUE(nodes.whole()) << nodes.events();
  EXPECT_EQ(nodes.owners_at(1, 2, 0) + nodes.owners_at(3, 5, 0), "");
}

TEST(KilledProcesses, OfWhichOneIsLeftAreTakenBack) {
  Replicas nodes(4);
  for (std::size_t number = 1; number <= 4; ++number) nodes.put(number, 0, 500);
  ASSERT_TRUE(nodes.whole()) << nodes.events();
  for (std::size_t number : {2, 3, 4}) nodes[number].kill();
  for (std::size_t number : {2, 3, 4}) expect_gone(nodes, number, {1});
  nodes.witness(1, {});  // Alone it waits for nobody.
  nodes.start();
  for (std::size_t number : {2, 3, 4}) nodes.put(number, 1000, 500);
  EXPECT_TRUE(nodes.whole()) << nodes.events();
  EXPECT_EQ(nodes.owners_at(1, 2, 0), "");
  EXPECT_NE(nodes.owners_at(4, 1, 0), "");
}

// Design R6: however soon the next life comes, at the same port, the former leaves nothing behind.
TEST(RestartedProcess, HasNothingOfItsFormerLives) {
  Replicas nodes(3);
  constexpr std::uint64_t lives = 6;
  for (std::uint64_t life = 0; life < lives; ++life) {
    nodes.put(3, 1000 * life, 100);
    ASSERT_TRUE(nodes.whole()) << nodes.events();
    nodes[3].kill();
    nodes.start();
  }
  nodes.put(3, 1000 * lives, 100);
  EXPECT_TRUE(nodes.whole()) << nodes.events();
  for (std::size_t number : {1, 2, 3}) {
    for (std::uint64_t life = 0; life < lives; ++life) {
      EXPECT_EQ(nodes.owners_at(number, 3, 1000 * life), "") << number;
    }
    EXPECT_NE(nodes.owners_at(number, 3, 1000 * lives), "") << number;
  }
}

// Design R2. With limits that never come: only the end of the peer ends the wait.
TEST(KilledProcess, ReleasesWhoWaitsForIt) {
  Replicas nodes(2, {.flags = {"--silence-ms=600000", never_forget, "--lag-ms=600000"}});
  ASSERT_TRUE(nodes.whole()) << nodes.events();
  nodes[2].pause();
  const std::string position = nodes[1].obey("put 0 1").text("position");
  EXPECT_FALSE(nodes[1].ask("replicated " + position + " 0.05").ok());
  nodes[1].tell("replicated " + position + " 60");
  nodes[2].kill();
  EXPECT_TRUE(nodes[1].answer().ok()) << nodes.events();
  EXPECT_EQ(nodes[1].count("gone", "n2"), 1u) << nodes.events();
}

// Design R3, R4: a join that ends with the death of either side is nobody else's business.
TEST(KilledProcess, InTheMiddleOfAJoinHarmsNobodyElse) {
  constexpr std::uint64_t records = 20'000;
  for (std::size_t dies : {1, 2}) {
    Replicas nodes(3, {.gates = {{1, 2}}});
    const auto gates = [&](auto change) {
      change(nodes.gate(1, 2));
      change(nodes.gate(2, 1));
    };
    ASSERT_TRUE(nodes.whole()) << nodes.events();
    nodes[2].kill();
    nodes.put(1, 0, records);
    nodes.put(3, 0, 100);
    gates([](TcpGate& gate) { gate.slice(500); });
    nodes.start();  // Another life, and so all of it again.
    EXPECT_TRUE(eventually(ReplicaProcess::patience, [&] {
      const auto from_first = nodes[2].ask("digest n1").number("records");
      EXPECT_LT(from_first, records);
      return from_first > 0;
    })) << nodes.events();
    nodes[dies].kill();
    gates([](TcpGate& gate) { gate.cut(); });
    EXPECT_TRUE(nodes.whole()) << nodes.events();
    EXPECT_EQ(nodes.witness(3, {3 - dies}), 1u);
    EXPECT_EQ(nodes.owners_at(3, 1, 0), dies == 1 ? "" : nodes.owners_at(1, 1, 0));
    gates([](TcpGate& gate) { gate.open(); });
    nodes.start();
    EXPECT_TRUE(nodes.whole()) << nodes.events();
  }
}

// Design R10, R4: the upgrade of a cluster, without anybody who waits for it.
TEST(RollingRestart, OfAllKeepsTheOthersWritingAndEndsWhole) {
  Replicas nodes(4);
  for (std::size_t number = 1; number <= 4; ++number) nodes.put(number, 0, 1000);
  ASSERT_TRUE(nodes.whole()) << nodes.events();
  std::size_t looked = 0;
  for (std::size_t restarted = 1; restarted <= 4; ++restarted) {
    const std::size_t writer = restarted % 4 + 1, other = writer % 4 + 1;
    nodes.start_writers(500);
    if (restarted % 2 == 0) {
      nodes[restarted].kill();
    } else {
      nodes[restarted].leave();
    }
    looked += nodes.witness(writer, {other});
    nodes.start();
    nodes.put(restarted, 10'000, 1000);
    // It is ready only once it has caught up: then it has what was written while it was away.
    EXPECT_TRUE(eventually(ReplicaProcess::patience, [&] {
      looked += nodes.witness(writer, {other});
      return nodes[restarted].ask("peer " + nodes[writer].name()).text("state") == "ready";
    })) << nodes.events();
    EXPECT_NE(nodes.owners_at(restarted, writer, writer < restarted ? 10'000 : 0), "");
    nodes.stop_writers();
    ASSERT_TRUE(nodes.whole()) << nodes.events();
  }
  EXPECT_GT(looked, 4u);
  for (std::size_t number = 1; number <= 4; ++number) {
    EXPECT_EQ(nodes.owners_at(number % 4 + 1, number, 0), "");
  }
}

// Design R3. What CETS's global lock made impossible at eight nodes.
TEST(StartOfThirtyTwo, AtOnceJoinsAllWithAll) {
  // Limits as in life: so many processes on a core or two are late now and then.
  Replicas nodes(32, {.flags = {"--heartbeat-ms=500", "--silence-ms=10000", never_forget}});
  for (std::size_t number = 1; number <= nodes.size(); ++number) nodes.put(number, 0, 100);
  EXPECT_TRUE(nodes.whole());
  EXPECT_EQ(nodes[32].obey("count").number("records"), 3200u);
}

}  // namespace
}  // namespace tests
