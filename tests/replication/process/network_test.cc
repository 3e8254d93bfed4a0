// Replicas on machines of their own, as far as the kernel's network can tell: cables that are
// pulled, packets that vanish in one direction, halves that lose sight of each other. Where a
// machine has no namespaces for it, path_test shows the same with relays on TCP.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "tests/replication/process/networks.h"
#include "tests/replication/process/replicas.h"
#include "tests/support/eventually.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

constexpr auto limit = ReplicaProcess::patience;

class Machines : public testing::Test {
 protected:
  void SetUp() override {
    const std::string why = Networks::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  void start(std::size_t count, const std::string& flag = never_forget) {
    networks = std::make_unique<Networks>(count);
    ReplicasOptions options{.flags = {flag}};
    for (std::size_t machine = 1; machine <= count; ++machine) {
      options.commands.push_back(networks->enter(machine));
      options.hosts.push_back(networks->address(machine));
    }
    nodes = std::make_unique<Replicas>(count, options);
    for (std::size_t number = 1; number <= count; ++number) nodes->put(number, 0, 500);
    ASSERT_TRUE(nodes->whole()) << nodes->events();
  }

  // Waits until each has reported it of each, and sees to it that the first replicates meanwhile.
  bool reported(const Replicas::Numbers& reporters, const std::string& what,
                const Replicas::Numbers& of) {
    return eventually(limit, [&] {
      looked += nodes->witness(reporters.front(), reporters);
      bool all = true;
      for (std::size_t number : reporters) {
        for (std::size_t other : of) {
          all = (*nodes)[number].count(what, (*nodes)[other].name()) > 0 && all;
        }
      }
      return all;
    });
  }

  std::unique_ptr<Networks> networks;
  std::unique_ptr<Replicas> nodes;
  std::size_t looked = 0;
};

TEST_F(Machines, WhoseCableIsPulledIsUnreachableAndThenAsBefore) {
  start(3);
  networks->pull_cable(3);
  EXPECT_TRUE(reported({1, 2}, "unreachable", {3})) << nodes->events();
  EXPECT_GT(looked, 0u);
  EXPECT_NE(nodes->owners_at(1, 3, 0), "");
  nodes->put(1, 1000, 500);
  nodes->put(3, 1000, 500);
  nodes->erase(3, 0, 250);
  networks->plug_in(3);
  EXPECT_TRUE(nodes->whole()) << nodes->events();
  EXPECT_EQ(nodes->owners_at(2, 3, 0), "");
  EXPECT_NE(nodes->owners_at(3, 1, 1499), "");
  EXPECT_EQ((*nodes)[1].count("gone", "n3") + (*nodes)[3].count("gone", "n1"), 0u);
}

// A machine that loses its power refuses nobody: only silence tells.
TEST_F(Machines, ThatDieSilentlyAreForgottenAndTheirNextLifeTaken) {
  start(3, "--forget-ms=2000");
  networks->pull_cable(3);
  (*nodes)[3].kill();
  EXPECT_TRUE(reported({1, 2}, "unreachable", {3})) << nodes->events();
  EXPECT_TRUE(reported({1, 2}, "gone", {3})) << nodes->events();
  EXPECT_EQ(nodes->owners_at(1, 3, 0) + nodes->owners_at(2, 3, 0), "");
  networks->plug_in(3);
  nodes->start();
  nodes->put(3, 1000, 500);
  EXPECT_TRUE(nodes->whole()) << nodes->events();
  EXPECT_EQ(nodes->owners_at(1, 3, 0), "");
}

// Design R11.
TEST_F(Machines, BetweenWhichOneDirectionIsLostAreLinkedThroughAThird) {
  start(3);
  networks->lose(1, 2);
  EXPECT_TRUE(reported({1}, "relayed", {2})) << nodes->events();
  EXPECT_TRUE(reported({2}, "relayed", {1})) << nodes->events();
  nodes->put(1, 1000, 1000);
  nodes->erase(2, 0, 250);
  EXPECT_TRUE(nodes->whole()) << nodes->events();
  networks->stop_losing(1, 2);
  EXPECT_TRUE(reported({1}, "direct", {2})) << nodes->events();
  EXPECT_TRUE(reported({2}, "direct", {1})) << nodes->events();
  EXPECT_TRUE(nodes->whole()) << nodes->events();
  EXPECT_EQ((*nodes)[1].count("gone", "n2") + (*nodes)[2].count("gone", "n1"), 0u);
}

// Design R7. One of them dies meanwhile and begins another life, which half of the others sees.
TEST_F(Machines, InTwoHalvesThatMeetAgainLoseNothingAndUndoNothing) {
  start(4);
  for (std::size_t one : {1, 2}) {
    for (std::size_t other : {3, 4}) {
      networks->lose(one, other);
      networks->lose(other, one);
    }
  }
  EXPECT_TRUE(reported({1, 2}, "unreachable", {3, 4})) << nodes->events();
  EXPECT_TRUE(reported({3, 4}, "unreachable", {1, 2})) << nodes->events();
  EXPECT_GT(looked, 0u);
  for (std::size_t number : {1, 2, 3}) {
    nodes->put(number, 1000, 500);
    nodes->erase(number, 0, 250);
    (*nodes)[number].obey("put 0 100");  // The same keys in both halves.
  }
  (*nodes)[4].kill();
  nodes->start();
  nodes->put(4, 2000, 500);
  EXPECT_TRUE(eventually(limit, [&] { return nodes->owners_at(3, 4, 2499) != ""; }));
  for (std::size_t one : {1, 2}) {
    for (std::size_t other : {3, 4}) {
      networks->stop_losing(one, other);
      networks->stop_losing(other, one);
    }
  }
  EXPECT_TRUE(nodes->whole()) << nodes->events();
  for (std::size_t number = 1; number <= 4; ++number) {
    EXPECT_EQ(nodes->owners_at(number, 4, 0), "");  // Its former life's.
    EXPECT_NE(nodes->owners_at(number, 4, 2000), "");
    for (std::size_t owner : {1, 2, 3}) {
      EXPECT_EQ(nodes->owners_at(number, owner, 249), "");
      EXPECT_NE(nodes->owners_at(number, owner, 1499), "");
      const std::string owners = nodes->owners_at(number, 0, 99);
      EXPECT_NE(owners.find((*nodes)[owner].name() + ":"), std::string::npos) << owners;
    }
  }
}

}  // namespace
}  // namespace tests
