// Processes that stand still (SIGSTOP), for less and for more than it takes to be forgotten.

#include <gtest/gtest.h>

#include "tests/replication/process/replicas.h"
#include "tests/support/eventually.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

constexpr auto limit = ReplicaProcess::patience;

// Waits until all of them have reported it, and sees to it that they replicate meanwhile.
bool reported(Replicas& nodes, const Replicas::Numbers& reporters, const std::string& what,
              const std::string& of) {
  std::size_t looked = 0;
  const bool all = eventually(limit, [&] {
    looked += nodes.witness(reporters.front(), reporters);
    bool has_all = true;
    for (std::size_t number : reporters) has_all = nodes[number].count(what, of) > 0 && has_all;
    return has_all;
  });
  return all && looked > 0;
}

// Design §5, R2: its records stay, marked; nobody waits for it; it catches up.
TEST(PausedProcess, ForLessThanForgettingIsUnreachableAndThenAsBefore) {
  Replicas nodes(3, {.flags = {never_forget}});
  for (std::size_t number = 1; number <= 3; ++number) nodes.put(number, 0, 1000);
  ASSERT_TRUE(nodes.whole()) << nodes.events();
  nodes[3].pause();
  EXPECT_TRUE(reported(nodes, {1, 2}, "unreachable", "n3")) << nodes.events();
  EXPECT_NE(nodes.owners_at(1, 3, 0), "");
  nodes.put(1, 2000, 1000);
  nodes.erase(2, 0, 500);
  nodes[3].resume();
  EXPECT_TRUE(nodes.whole()) << nodes.events();
  EXPECT_EQ(nodes.owners_at(3, 2, 0), "");
  EXPECT_NE(nodes.owners_at(3, 1, 2999), "");
  for (std::size_t number = 1; number <= 3; ++number) {
    for (std::string name : {"n1", "n2", "n3"}) EXPECT_EQ(nodes[number].count("gone", name), 0u);
  }
}

TEST(PausedProcess, BeyondForgettingIsGoneAndComesBackWithAllItHas) {
  Replicas nodes(3);
  for (std::size_t number = 1; number <= 3; ++number) nodes.put(number, 0, 1000);
  ASSERT_TRUE(nodes.whole()) << nodes.events();
  nodes[3].pause();
  EXPECT_TRUE(reported(nodes, {1, 2}, "gone", "n3")) << nodes.events();
  EXPECT_EQ(nodes.owners_at(1, 3, 0) + nodes.owners_at(2, 3, 0), "");
  nodes.erase(1, 0, 500);
  nodes[3].resume();
  EXPECT_TRUE(nodes.whole()) << nodes.events();
  EXPECT_NE(nodes.owners_at(1, 3, 999), "");
  EXPECT_EQ(nodes.owners_at(3, 1, 0), "");
}

TEST(PausedProcesses, ThatAreTheMostHoldNobodyUp) {
  Replicas nodes(4, {.flags = {never_forget}});
  for (std::size_t number = 1; number <= 4; ++number) nodes.put(number, 0, 500);
  ASSERT_TRUE(nodes.whole()) << nodes.events();
  for (std::size_t number : {2, 3, 4}) nodes[number].pause();
  // Each write is waited for until the three are left out; then none waits.
  for (int round = 0; round < 20; ++round) nodes.witness(1, {});
  for (std::string name : {"n2", "n3", "n4"}) EXPECT_TRUE(nodes[1].leaves_out(name));
  for (std::size_t number : {2, 3, 4}) nodes[number].resume();
  EXPECT_TRUE(nodes.whole()) << nodes.events();
}

// Design R6: it wakes up and finds its name taken. Its records must not come back.
TEST(PausedProcess, ThatWasReplacedMeanwhileIsNotLetInAgain) {
  Replicas nodes(2);
  ASSERT_TRUE(nodes.whole()) << nodes.events();
  const auto peers = [&](ReplicaProcess& third) {
    const auto at = [](ReplicaProcess& node) {
      return " " + node.name() + "=127.0.0.1:" + std::to_string(node.port());
    };
    nodes[1].obey("peers" + at(nodes[2]) + at(third));
    nodes[2].obey("peers" + at(nodes[1]) + at(third));
    third.obey("peers" + at(nodes[1]) + at(nodes[2]));
  };
  const auto sees = [&](std::size_t number, int key) {
    return nodes[number].obey("find " + std::to_string(key)).text("owners");
  };
  ReplicaProcess older("n3", quick_limits()), newer("n3", quick_limits());
  older.start();
  older.obey("put 0 100");
  peers(older);
  ASSERT_TRUE(eventually(limit, [&] { return sees(1, 99) != "" && sees(2, 99) != ""; }));
  older.pause();
  newer.start();
  newer.obey("put 1000 100");
  peers(newer);
  EXPECT_TRUE(eventually(limit, [&] { return sees(1, 1099) != "" && sees(2, 1099) != ""; }))
      << nodes.events() << newer.events();
  EXPECT_EQ(sees(1, 0) + sees(2, 0), "");

  older.resume();
  EXPECT_TRUE(eventually(limit, [&] {
    EXPECT_EQ(sees(1, 0) + sees(2, 0), "");
    return older.count("refused", "n1") > 0 || older.count("refused", "n2") > 0;
  })) << older.events();
  EXPECT_EQ(nodes[1].obey("digest n3").line(), newer.obey("digest self").line());
  EXPECT_EQ(nodes[2].obey("digest n3").line(), newer.obey("digest self").line());
  EXPECT_EQ(sees(1, 0) + sees(2, 0), "");
  EXPECT_EQ(nodes[1].obey("peer n3").text("state"), "ready");
}

}  // namespace
}  // namespace tests
