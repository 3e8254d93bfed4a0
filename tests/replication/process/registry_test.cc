// Replicas that find each other by a real database, which is away while things happen to them.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/replication/process/replicas.h"
#include "tests/support/eventually.h"
#include "tests/support/mariadb.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

constexpr auto limit = ReplicaProcess::patience;

class ListedReplicas : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<MariaDb>(); }
  static void TearDownTestSuite() { server.reset(); }

  // Each test has a registry of its own.
  static std::vector<std::string> flags() {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    server->create_database(name);
    return {"--mysql-port=" + std::to_string(server->port()),
            "--mysql-user=" + server->user(),
            "--mysql-password=" + server->password(),
            "--mysql-database=" + name,
            "--lease-ms=2000",
            never_forget};
  }

  void join() {
    for (std::size_t number = 1; number <= nodes.size(); ++number) nodes.put(number, 0, 500);
    ASSERT_TRUE(nodes.whole()) << nodes.events();
    // Who was dialled is linked before it has read of the others: an outage then finds it without.
    for (std::size_t number = 1; number <= nodes.size(); ++number) {
      ASSERT_TRUE(eventually(limit, [&] {
        return nodes[number].obey("registry").number("peers") == nodes.size() - 1;
      }));
    }
  }

  bool all_see_the_registry(const std::string& available) {
    return eventually(limit, [&] {
      bool all = true;
      for (std::size_t number = 1; number <= nodes.size(); ++number) {
        const Answer answer = nodes[number].obey("registry");
        all = answer.text("available") == available && all;
        all = (available == "0" || answer.number("number") != 0) && all;
      }
      return all;
    });
  }

  std::vector<std::uint64_t> numbers() {
    std::vector<std::uint64_t> all;
    for (std::size_t number = 1; number <= nodes.size(); ++number) {
      all.push_back(nodes[number].obey("registry").number("number"));
    }
    return all;
  }

  // Links through a third node tell no address: direct ones have taken their place.
  bool all_direct() {
    return eventually(limit, [&] {
      bool all = true;
      for (std::size_t number = 1; number <= nodes.size(); ++number) {
        for (std::size_t other = 1; other <= nodes.size(); ++other) {
          const std::string& name = nodes[other].name();
          all = nodes[number].count("relayed", name) == nodes[number].count("direct", name) && all;
        }
      }
      return all;
    });
  }

  // While the registry is away: writes, a death, the return of the dead, an orderly restart.
  void live_on() {
    EXPECT_EQ(nodes.witness(1, {2, 3}), 2u);
    nodes[3].kill();
    EXPECT_TRUE(eventually(limit, [&] {
      nodes.witness(1, {2});
      return nodes[1].count("gone", "n3") > 0 && nodes[2].count("gone", "n3") > 0;
    })) << nodes.events();
    EXPECT_TRUE(nodes.whole()) << nodes.events();
    nodes.start();  // It knows nobody; those who know where it was dial it.
    nodes.put(3, 1000, 500);
    EXPECT_TRUE(nodes.whole()) << nodes.events();
    // And then all of them, one by one: in the end nobody is left who has read a list.
    for (std::size_t number : {1, 2, 3}) {
      EXPECT_TRUE(all_direct()) << nodes.events();
      nodes[number].leave();
      nodes.start();
      nodes.put(number, 2000, 500);
      EXPECT_TRUE(nodes.whole()) << nodes.events();
    }
    EXPECT_EQ(nodes.owners_at(1, 3, 1000) + nodes.owners_at(2, 1, 0), "");
  }

  static std::unique_ptr<MariaDb> server;
  MariaDb& database = *server;
  const std::vector<std::string> listed = flags();
  Replicas nodes{3, {.flags = listed, .listed = true}};
};

std::unique_ptr<MariaDb> ListedReplicas::server;

TEST_F(ListedReplicas, LiveDieAndComeBackWhileTheDatabaseIsAway) {
  ASSERT_NO_FATAL_FAILURE(join());
  const auto before = numbers();
  database.stop();
  EXPECT_TRUE(all_see_the_registry("0"));
  live_on();
  EXPECT_TRUE(all_see_the_registry("0"));
  database.start();
  EXPECT_TRUE(all_see_the_registry("1"));
  EXPECT_TRUE(nodes.whole()) << nodes.events();
  EXPECT_EQ(numbers(), before);
}

TEST_F(ListedReplicas, LiveDieAndComeBackWhileTheDatabaseHangs) {
  ASSERT_NO_FATAL_FAILURE(join());
  database.stall();
  EXPECT_TRUE(all_see_the_registry("0"));
  live_on();
  database.resume();
  EXPECT_TRUE(all_see_the_registry("1"));
  EXPECT_TRUE(nodes.whole()) << nodes.events();
}

// Nobody is left who knows anybody: the rows, long over, bring all together.
TEST_F(ListedReplicas, FindEachOtherAgainWhenAllWereKilledWhileTheDatabaseWasAway) {
  ASSERT_NO_FATAL_FAILURE(join());
  const auto before = numbers();
  database.stop();
  for (std::size_t number : {1, 2, 3}) nodes[number].kill();
  nodes.start();
  for (std::size_t number : {1, 2, 3}) nodes.put(number, 1000, 500);
  database.start();
  EXPECT_TRUE(nodes.whole()) << nodes.events();
  EXPECT_EQ(nodes[1].obey("count").number("records"), 1500u);
  EXPECT_TRUE(all_see_the_registry("1"));
  EXPECT_EQ(numbers(), before);
}

TEST_F(ListedReplicas, FindOneThatFirstStartedDuringTheOutageOnceItIsOver) {
  ASSERT_NO_FATAL_FAILURE(join());
  database.stop();
  EXPECT_TRUE(all_see_the_registry("0"));
  std::vector<std::string> options = quick_limits();
  options.insert(options.end(), listed.begin(), listed.end());
  ReplicaProcess fourth("n4", options);
  fourth.start();
  fourth.obey("put 0 100");
  EXPECT_EQ(nodes.witness(1, {2, 3}), 2u);
  database.start();
  for (std::size_t number : {1, 2, 3}) {
    nodes[number].obey("until_state n4 ready 60");
    EXPECT_TRUE(eventually(limit, [&] {
      return nodes[number].ask("digest n4").line() == fourth.obey("digest self").line();
    }));
  }
}

// As a pod that is scheduled elsewhere: the same name at another address.
TEST_F(ListedReplicas, FindOneThatMovedOnceItsFormerLeaseIsOver) {
  ASSERT_NO_FATAL_FAILURE(join());
  nodes[3].kill();
  std::vector<std::string> options = quick_limits();
  options.insert(options.end(), listed.begin(), listed.end());
  ReplicaProcess moved("n3", options);
  moved.start();
  moved.obey("put 3001000 100");
  ASSERT_NE(moved.port(), nodes[3].port());
  for (std::size_t number : {1, 2}) {
    EXPECT_TRUE(eventually(limit, [&] { return nodes.owners_at(number, 3, 1099) != ""; }));
    EXPECT_EQ(nodes.owners_at(number, 3, 0), "");
    EXPECT_TRUE(
        eventually(limit, [&] { return nodes[number].obey("count").number("records") == 1100u; }));
  }
}

}  // namespace
}  // namespace tests
