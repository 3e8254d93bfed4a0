// Paths between processes that are cut, stall, cut bytes into pieces, or lose one direction.

#include <gtest/gtest.h>

#include "tests/replication/process/replicas.h"
#include "tests/support/eventually.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

constexpr auto limit = ReplicaProcess::patience;

// Two nodes, so that no third relays.
struct Pair {
  explicit Pair(std::vector<std::string> flags = {never_forget})
      : nodes(2, {.flags = std::move(flags), .gates = {{1, 2}}}) {}

  void both(void (TcpGate::*change)()) {
    (nodes.gate(1, 2).*change)();
    (nodes.gate(2, 1).*change)();
  }
  void open_for_slices(std::size_t bytes) {
    for (TcpGate* gate : {&nodes.gate(1, 2), &nodes.gate(2, 1)}) {
      gate->open();
      gate->slice(bytes);
    }
  }
  // Bytes from n1 to n2 vanish, whoever has dialled; those the other way arrive.
  void lose_from_first(bool lost) {
    for (bool first_dials : {true, false}) {
      TcpGate& gate = first_dials ? nodes.gate(1, 2) : nodes.gate(2, 1);
      gate.tamper([=](bool from_client, std::size_t, std::string& bytes) {
        if (lost && from_client == first_dials) bytes.clear();
      });
    }
  }
  bool unreachable(std::size_t number) {
    const std::string other = number == 1 ? "n2" : "n1";
    return eventually(limit, [&] { return nodes[number].count("unreachable", other) > 0; });
  }
  void expect_none_gone() {
    EXPECT_EQ(nodes[1].count("gone", "n2") + nodes[2].count("gone", "n1"), 0u) << nodes.events();
  }

  Replicas nodes;
};

// Design R4, R7.
TEST(Path, ThatBreaksAgainAndAgainLosesNothing) {
  Pair pair;
  Replicas& nodes = pair.nodes;
  ASSERT_TRUE(nodes.whole()) << nodes.events();
  nodes.start_writers(2000);
  for (std::size_t round = 1; round <= 5; ++round) {
    pair.both(&TcpGate::cut);
    EXPECT_TRUE(eventually(limit, [&] { return nodes[1].count("unreachable", "n2") >= round; }));
    nodes.put(1, 10'000 + 10 * round, 10);
    nodes.erase(1, 10'000 + 10 * round, 5);
    pair.both(&TcpGate::open);
    EXPECT_TRUE(nodes.all_ready()) << nodes.events();
  }
  nodes.stop_writers();
  EXPECT_TRUE(nodes.whole()) << nodes.events();
  EXPECT_EQ(nodes.owners_at(2, 1, 10'014), "");
  EXPECT_NE(nodes.owners_at(2, 1, 10'015), "");
  pair.expect_none_gone();
  EXPECT_EQ(nodes[1].count("resync", "n2") + nodes[2].count("resync", "n1"), 0u);
}

// Design R7, R9: with logs of 64 KiB, so that a snapshot has to mend it.
TEST(Path, ThatIsSilentWhileBothWriteEndsWholeWithNothingUndone) {
  Pair pair({never_forget, "--log-ring-bytes=65536"});
  Replicas& nodes = pair.nodes;
  for (std::size_t number : {1, 2}) nodes.put(number, 0, 2000);
  ASSERT_TRUE(nodes.whole()) << nodes.events();
  pair.both(&TcpGate::stall);
  EXPECT_TRUE(pair.unreachable(1) && pair.unreachable(2)) << nodes.events();
  for (std::size_t number : {1, 2}) {
    nodes.erase(number, 0, 1000);
    nodes.put(number, 2000, 100'000);  // More than the sockets in between hold.
    nodes[number].obey("put 0 100");   // The same keys on both sides: each keeps its own.
  }
  pair.both(&TcpGate::open);
  EXPECT_TRUE(nodes.whole()) << nodes.events();
  EXPECT_EQ(nodes.owners_at(1, 2, 0) + nodes.owners_at(2, 1, 999), "");
  for (std::size_t number : {1, 2}) {
    const std::string owners = nodes.owners_at(number, 0, 99);
    EXPECT_NE(owners.find("n1:"), std::string::npos) << owners;
    EXPECT_NE(owners.find("n2:"), std::string::npos) << owners;
  }
  EXPECT_GT(nodes[1].count("resync", "n2"), 0u) << nodes.events();
  pair.expect_none_gone();
}

TEST(Path, OfSingleBytesStillJoinsAndReplicates) {
  Pair pair;
  Replicas& nodes = pair.nodes;
  pair.both(&TcpGate::cut);
  for (std::size_t number : {1, 2}) nodes.put(number, 0, 100);
  pair.open_for_slices(1);
  EXPECT_TRUE(nodes.whole()) << nodes.events();
  EXPECT_EQ(nodes.witness(1, {2}) + nodes.witness(2, {1}), 2u) << nodes.events();
}

// Design R4: what came of a snapshot that was cut off counts for nothing, and harms nobody.
TEST(Path, ThatBreaksInMidSnapshotBeginsItAnew) {
  Pair pair;
  Replicas& nodes = pair.nodes;
  constexpr std::uint64_t records = 20'000;
  pair.both(&TcpGate::cut);
  nodes.put(1, 0, records);
  std::uint64_t seen = 0;
  for (int round = 0; round < 3; ++round) {
    pair.open_for_slices(500);
    EXPECT_TRUE(eventually(limit, [&] {
      seen = nodes[2].ask("count").number("records");
      return seen > 0;
    })) << nodes.events();
    pair.both(&TcpGate::cut);
    EXPECT_TRUE(eventually(limit, [&] {
      return nodes[2].ask("peer n1").text("state") == "unreachable";
    })) << nodes.events();
    nodes.erase(1, 0, 100);
  }
  EXPECT_LT(seen, records);
  pair.both(&TcpGate::open);
  EXPECT_TRUE(nodes.whole()) << nodes.events();
  EXPECT_EQ(nodes.owners_at(2, 1, 99), "");
  EXPECT_NE(nodes.owners_at(2, 1, records - 1), "");
}

// Who hears nothing lets go, and so does in the end who is not heard; nobody waits meanwhile.
TEST(Path, ThatLosesOneDirectionIsGivenUpByBothAndThenWhole) {
  Pair pair({"--forget-ms=2000"});
  Replicas& nodes = pair.nodes;
  for (std::size_t number : {1, 2}) nodes.put(number, 0, 500);
  ASSERT_TRUE(nodes.whole()) << nodes.events();
  pair.lose_from_first(true);
  nodes.witness(1, {});
  EXPECT_TRUE(nodes[1].leaves_out("n2"));
  EXPECT_TRUE(eventually(limit, [&] { return nodes[2].count("gone", "n1") > 0; }))
      << nodes.events();
  EXPECT_TRUE(eventually(limit, [&] { return nodes[1].count("gone", "n2") > 0; }))
      << nodes.events();
  EXPECT_EQ(nodes.owners_at(1, 2, 0) + nodes.owners_at(2, 1, 0), "");
  nodes.put(1, 1000, 500);
  nodes.erase(2, 0, 250);
  pair.lose_from_first(false);
  EXPECT_TRUE(nodes.whole()) << nodes.events();
  EXPECT_NE(nodes.owners_at(2, 1, 1499), "");
  EXPECT_EQ(nodes.owners_at(1, 2, 0), "");
}

// Design R11.
TEST(Path, BetweenTwoThatIsLostIsReplacedByAThirdNode) {
  Replicas nodes(3, {.flags = {never_forget}, .gates = {{1, 2}}});
  for (std::size_t number = 1; number <= 3; ++number) nodes.put(number, 0, 500);
  ASSERT_TRUE(nodes.whole()) << nodes.events();
  for (auto change : {&TcpGate::stall, &TcpGate::cut}) {
    const std::size_t before = nodes[1].count("relayed", "n2");
    (nodes.gate(1, 2).*change)();
    (nodes.gate(2, 1).*change)();
    EXPECT_TRUE(eventually(limit, [&] {
      nodes.witness(1, {2, 3});
      return nodes[1].count("relayed", "n2") > before;
    })) << nodes.events();
    nodes.put(1, 1000, 1000);
    nodes.erase(1, 1000, 500);
    EXPECT_TRUE(nodes.whole()) << nodes.events();
    nodes.gate(1, 2).open();
    nodes.gate(2, 1).open();
    EXPECT_TRUE(eventually(limit, [&] {
      return nodes[1].count("direct", "n2") > before && nodes[2].count("direct", "n1") > before;
    })) << nodes.events();
    EXPECT_TRUE(nodes.whole()) << nodes.events();
  }
  for (std::size_t number : {1, 2}) {
    EXPECT_EQ(nodes[number].count("gone", number == 1 ? "n2" : "n1"), 0u) << nodes.events();
  }
}

}  // namespace
}  // namespace tests
