#include "discovery/mysql_backend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "discovery/registry.h"
#include "tests/discovery/recorded_events.h"
#include "tests/support/eventually.h"
#include "tests/support/mariadb.h"
#include "tests/support/tcp_gate.h"

namespace discovery {
namespace {

using namespace std::chrono_literals;
using tests::eventually;
using tests::MariaDb;
using tests::TcpGate;
using Clock = std::chrono::steady_clock;

constexpr auto long_lease = std::chrono::milliseconds(1h);

NodeRow row(const std::string& name, std::uint64_t incarnation = 1, std::uint16_t port = 5290) {
  return {.name = name,
          .incarnation = incarnation,
          .peer_address = "127.0.0.1:" + std::to_string(port),
          .version = "0.1",
          .protocol_min = 1,
          .protocol_max = 2,
          .state = NodeState::ready};
}

const NodeRow* find(const Result<Reading>& reading, const std::string& name) {
  const auto found = std::ranges::find(reading->nodes, name, &NodeRow::name);
  return found == reading->nodes.end() ? nullptr : &*found;
}

// One server for all tests; each has a database of its own.
class MysqlBackendTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<MariaDb>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    database_ = testing::UnitTest::GetInstance()->current_test_info()->name();
    server_->create_database(database_);
  }

  MysqlAddress address() const {
    return {.port = server_->port(),
            .user = server_->user(),
            .password = server_->password(),
            .database = database_,
            .connect_timeout = 1s,
            .query_timeout = 1s};
  }

  std::unique_ptr<MysqlBackend> backend(const std::string& cluster = "default") const {
    return std::make_unique<MysqlBackend>(address(), cluster);
  }

  void sql(const std::string& statement) const { server_->sql(statement, database_); }

  // As time does, but at once.
  void end_lease(const std::string& name, const std::string& ago) const {
    sql("UPDATE discovery_nodes SET lease_until = UTC_TIMESTAMP(6) - INTERVAL " + ago +
        " WHERE name = '" + name + "'");
  }

  static inline std::unique_ptr<MariaDb> server_;
  std::string database_;
};

TEST_F(MysqlBackendTest, GivesNodesThatStartAtOnceDistinctNumbers) {
  constexpr int nodes = 32;  // They also make the table at once.
  std::vector<Result<Reading>> readings(nodes, Result<Reading>(Errc::registry_broken));
  std::vector<std::string> failures(nodes);
  std::vector<std::thread> threads;
  for (int n = 0; n < nodes; ++n) {
    threads.emplace_back([this, n, &readings, &failures] {
      MysqlAddress patient = address();
      patient.connect_timeout = patient.query_timeout = 20s;  // On a machine that builds.
      MysqlBackend node(patient, "default");
      readings[n] = node.renew(row("n" + std::to_string(n)), long_lease);
      failures[n] = node.last_failure();
    });
  }
  for (std::thread& thread : threads) thread.join();

  std::set<int> numbers;
  for (int n = 0; n < nodes; ++n) {
    ASSERT_TRUE(readings[n].has_value()) << failures[n];
    numbers.insert(find(readings[n], "n" + std::to_string(n))->number);
  }
  EXPECT_EQ(numbers.size(), 32U);
  EXPECT_EQ(*numbers.begin(), 1);
  EXPECT_EQ(*numbers.rbegin(), nodes) << "No number is left out.";
}

TEST_F(MysqlBackendTest, ShowsOthersAllThatANodeSaysOfItself) {
  auto one = backend();
  auto two = backend();
  NodeRow self = row("n2", 0xffff'ffff'ffff'fff0U, 5291);
  self.state = NodeState::draining;
  ASSERT_TRUE(one->renew(row("n1"), long_lease).has_value()) << one->last_failure();
  ASSERT_TRUE(two->renew(self, long_lease).has_value());
  const Result<Reading> reading = one->read();
  const NodeRow* seen = find(reading, "n2");
  ASSERT_NE(seen, nullptr);
  self.number = 2;
  EXPECT_TRUE(same_node(*seen, self)) << seen->incarnation << " " << seen->number;
  EXPECT_GT(seen->lease_remaining, 50min);
  EXPECT_LE(seen->lease_remaining, 1h);
  ASSERT_TRUE(reading->clock.has_value());
  EXPECT_LT(std::chrono::abs(*reading->clock - std::chrono::system_clock::now()), 30s);
}

TEST_F(MysqlBackendTest, RefusesATakenNameUntilItsHolderLeaves) {
  auto holder = backend();
  auto newcomer = backend();
  ASSERT_TRUE(holder->renew(row("n1", 1, 5290), long_lease).has_value());
  EXPECT_EQ(newcomer->renew(row("n1", 2, 5291), long_lease).error(), Errc::name_taken);
  EXPECT_NE(newcomer->last_failure().find("127.0.0.1:5290"), std::string::npos);
  ASSERT_TRUE(holder->leave(row("n1", 1, 5290)).has_value());
  EXPECT_TRUE(newcomer->renew(row("n1", 2, 5291), long_lease).has_value());
}

TEST_F(MysqlBackendTest, GivesATakenNameWhenTheHoldersLeaseEnds) {
  auto holder = backend();
  ASSERT_TRUE(holder->renew(row("n1", 1, 5290), long_lease).has_value());
  end_lease("n1", "1 SECOND");
  auto newcomer = backend();
  const auto reading = newcomer->renew(row("n1", 2, 5291), long_lease);
  ASSERT_TRUE(reading.has_value()) << newcomer->last_failure();
  EXPECT_EQ(find(reading, "n1")->incarnation, 2U);
}

TEST_F(MysqlBackendTest, LetsARestartedNodeTakeOverFromItsFormerLifeAtOnce) {
  auto former = backend();
  ASSERT_TRUE(backend()->renew(row("n0", 1, 5289), long_lease).has_value());
  ASSERT_TRUE(former->renew(row("n1", 1), long_lease).has_value());
  auto restarted = backend();
  const auto reading = restarted->renew(row("n1", 2), long_lease);
  ASSERT_TRUE(reading.has_value()) << restarted->last_failure();
  EXPECT_EQ(find(reading, "n1")->incarnation, 2U);
  EXPECT_EQ(find(reading, "n1")->number, 2) << "The number stays with the name.";
}

// Two nodes that were given one name and one address must not take turns.
TEST_F(MysqlBackendTest, LetsNobodyTakeARowBackThatItHeldBefore) {
  auto one = backend();
  auto two = backend();
  ASSERT_TRUE(one->renew(row("n1", 1), long_lease).has_value());
  ASSERT_TRUE(two->renew(row("n1", 2), long_lease).has_value());
  EXPECT_EQ(one->renew(row("n1", 1), long_lease).error(), Errc::name_taken);
  EXPECT_EQ(one->renew(row("n1", 3), long_lease).error(), Errc::name_taken);
  EXPECT_TRUE(two->renew(row("n1", 2), long_lease).has_value());
}

TEST_F(MysqlBackendTest, DoesNotLetAnOlderLifeTakeOver) {
  auto newer = backend();
  auto older = backend();
  ASSERT_TRUE(newer->renew(row("n1", 7), long_lease).has_value());
  EXPECT_EQ(older->renew(row("n1", 6), long_lease).error(), Errc::name_taken);
}

TEST_F(MysqlBackendTest, LeavesOnlyItsOwnLife) {
  auto former = backend();
  auto restarted = backend();
  ASSERT_TRUE(former->renew(row("n1", 1), long_lease).has_value());
  ASSERT_TRUE(restarted->renew(row("n1", 2), long_lease).has_value());
  ASSERT_TRUE(former->leave(row("n1", 1)).has_value());
  EXPECT_NE(find(restarted->read(), "n1"), nullptr);
}

TEST_F(MysqlBackendTest, RecyclesTheNumberOfANodeThatStaysAway) {
  constexpr auto lease = 200ms;
  auto gone = backend();
  ASSERT_TRUE(gone->renew(row("n1"), lease).has_value());
  auto one = backend();
  ASSERT_TRUE(one->renew(row("n2", 1, 5291), lease).has_value());
  // Renews until the row is gone: by the database's time, so there is nothing else to wait for.
  const auto limit = std::chrono::steady_clock::now() + 20s;
  while (find(one->renew(row("n2", 1, 5291), lease), "n1") != nullptr) {
    ASSERT_LT(std::chrono::steady_clock::now(), limit);
  }
  auto newcomer = backend();
  const auto reading = newcomer->renew(row("n3", 1, 5292), lease);
  ASSERT_TRUE(reading.has_value()) << newcomer->last_failure();
  EXPECT_EQ(find(reading, "n3")->number, 1);
  EXPECT_EQ(find(reading, "n2")->number, 2);
}

// After an outage all leases are over, and the first to be back must not take the others' numbers.
TEST_F(MysqlBackendTest, RecyclesNothingRightAfterAnOutage) {
  constexpr auto lease = 5s;
  auto one = backend();
  auto two = backend();
  ASSERT_TRUE(one->renew(row("n1"), lease).has_value());
  ASSERT_TRUE(two->renew(row("n2", 1, 5291), lease).has_value());
  end_lease("n1", "1 HOUR");
  end_lease("n2", "1 HOUR");
  auto newcomer = backend();
  const auto reading = newcomer->renew(row("n3", 1, 5292), lease);
  ASSERT_TRUE(reading.has_value());
  EXPECT_EQ(find(reading, "n3")->number, 3);
  EXPECT_NE(find(reading, "n1"), nullptr);
  EXPECT_EQ(find(two->renew(row("n2", 1, 5291), lease), "n2")->number, 2);
}

// hardening Q1: the name of the cluster is the only text here that an operator chooses freely.
TEST_F(MysqlBackendTest, KeepsClustersApartWhateverTheyAreCalled) {
  const std::vector<std::string> clusters = {"default",
                                             "DEFAULT",
                                             "default ",
                                             "x' OR '1'='1",
                                             "\\",
                                             "%",
                                             "\xf0\x9f\x98\x80",
                                             "d\xc3\xa9"
                                             "fault"};
  for (const std::string& cluster : clusters) {
    auto node = backend(cluster);
    const auto reading = node->renew(row("n1"), long_lease);
    ASSERT_TRUE(reading.has_value()) << cluster << ": " << node->last_failure();
    EXPECT_EQ(reading->nodes.size(), 1U) << cluster;
    EXPECT_EQ(reading->nodes.front().number, 1) << cluster;
  }
}

TEST_F(MysqlBackendTest, KeepsNamesApartThatACollationWouldMerge) {
  const std::vector<std::string> names = {"n1", "N1", "n1.", "n01", "n1_", "nl", "n1%"};
  std::set<int> numbers;
  for (const std::string& name : names) {
    auto node = backend();
    const auto reading = node->renew(row(name), long_lease);
    ASSERT_TRUE(reading.has_value()) << name << ": " << node->last_failure();
    numbers.insert(find(reading, name)->number);
  }
  EXPECT_EQ(numbers.size(), names.size());
}

// The stamps of all lives of a name come from one clock, whatever the machines' clocks say.
TEST_F(MysqlBackendTest, StampsAStartByTheDatabasesClockAndAboveTheFormerLife) {
  auto node = backend();
  const auto first = node->start_stamp("n1");
  ASSERT_TRUE(first.has_value()) << node->last_failure();
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  EXPECT_LT(std::chrono::abs(std::chrono::microseconds(*first) - now), 30s);
  // Written by a life on a machine whose clock was a year ahead, by a release that took that.
  const std::uint64_t ahead = *first + 31'536'000'000'000U;
  ASSERT_TRUE(node->renew(row("n1", ahead), long_lease).has_value());
  EXPECT_EQ(*node->start_stamp("n1"), ahead + 1);
  EXPECT_LT(*node->start_stamp("n2"), ahead);
  EXPECT_GT(*node->start_stamp("n2"), *first);
}

// hardening K7
TEST_F(MysqlBackendTest, BearsWhateverAnotherWriterPutsIntoTheTable) {
  auto one = backend();
  ASSERT_TRUE(one->renew(row("n1"), long_lease).has_value());
  const std::string until = "UTC_TIMESTAMP(6) + INTERVAL 1 HOUR";
  for (const std::string& values : std::vector<std::string>{
           "'', 2, 1, 'h:1', '', 0, 0, 'ready', " + until,
           "UNHEX('FF00FE'), 3, 1, 'h:1', '', 0, 0, 'ready', " + until,
           "'n\xc3\xa9', 4, 1, 'h:1', '', 0, 0, 'ready', " + until,
           "REPEAT('n', 250), 5, 1, REPEAT('h', 255), '', 0, 0, 'ready', " + until,
           "'a', 6, 1, 'h:99999', '', 0, 0, 'ready', " + until,
           "'b', 7, 1, 'h:1', UNHEX('0A1B00FF'), 4294967295, 0, UNHEX('00'), '9999-12-31'",
           "'c', 65535, 18446744073709551615, '[::1]:1', '', 0, 0, '', '1000-01-01'",
       }) {
    sql("INSERT INTO discovery_nodes (cluster, name, number, incarnation, peer_address, version,"
        " protocol_min, protocol_max, state, lease_until) VALUES ('default', " +
        values + ")");
  }
  auto newcomer = backend();
  const Result<Reading> reading = newcomer->renew(row("n2", 1, 5291), long_lease);
  ASSERT_TRUE(reading.has_value()) << newcomer->last_failure();
  EXPECT_EQ(reading->rows_ignored, 5U);
  ASSERT_EQ(reading->nodes.size(), 4U);
  EXPECT_GT(find(reading, "b")->lease_remaining, 1h);
  EXPECT_LT(find(reading, "c")->lease_remaining, -1h);
  EXPECT_NE(find(reading, "n2")->number, 1);
  EXPECT_TRUE(newcomer->start_stamp("c").has_value());
  // A row that no reading shows still holds its name, until its lease ends.
  auto third = backend();
  EXPECT_EQ(third->renew(row("a", 9), long_lease).error(), Errc::name_taken);
  end_lease("a", "1 SECOND");
  EXPECT_TRUE(third->renew(row("a", 9), long_lease).has_value()) << third->last_failure();
}

TEST_F(MysqlBackendTest, NeedsNoRightToMakeATableThatIsThere) {
  sql("CREATE USER modest@'127.0.0.1' IDENTIFIED BY 'tests only'");
  sql("GRANT SELECT, INSERT, UPDATE, DELETE ON " + database_ + ".* TO modest@'127.0.0.1'");
  MysqlAddress modest = address();
  modest.user = "modest";
  modest.password = "tests only";
  MysqlBackend node(modest, "default");
  EXPECT_EQ(node.renew(row("n1"), long_lease).error(), Errc::access_denied);
  ASSERT_TRUE(backend()->renew(row("n2", 1, 5291), long_lease).has_value());
  EXPECT_TRUE(node.renew(row("n1"), long_lease).has_value()) << node.last_failure();
}

TEST_F(MysqlBackendTest, SaysThatATableOfItsNameIsAnothers) {
  sql("CREATE TABLE discovery_nodes (id INT PRIMARY KEY)");
  auto node = backend();
  EXPECT_EQ(node->renew(row("n1"), long_lease).error(), Errc::registry_broken);
  EXPECT_NE(node->last_failure().find("Unknown column"), std::string::npos) << node->last_failure();
  sql("DROP TABLE discovery_nodes");
  EXPECT_TRUE(node->renew(row("n1"), long_lease).has_value()) << "It needs no restart.";
}

// hardening K7
TEST_F(MysqlBackendTest, LeavesOutRowsThatNameNoNodeOrAreTooMany) {
  auto one = backend();
  ASSERT_TRUE(backend()->renew(row("n0"), long_lease).has_value());
  sql("INSERT INTO discovery_nodes SELECT 'default', CONCAT('bad ', seq), 1000 + seq, 1, 'nowhere',"
      " '', 0, 0, 'ready', UTC_TIMESTAMP(6) + INTERVAL 1 HOUR FROM seq_1_to_10000");
  const Result<Reading> reading = one->renew(row("n1", 1, 5291), long_lease);
  ASSERT_TRUE(reading.has_value()) << one->last_failure();
  EXPECT_EQ(reading->nodes.size(), 2U);
  EXPECT_EQ(reading->rows_ignored, 999U);
  EXPECT_EQ(find(reading, "n1")->number, 2);
}

TEST_F(MysqlBackendTest, SeesItsOwnRowHoweverManyLiveOnesThereAre) {
  auto one = backend();
  ASSERT_TRUE(one->renew(row("n1"), long_lease).has_value());
  sql("UPDATE discovery_nodes SET number = 20000");
  sql("INSERT INTO discovery_nodes SELECT 'default', CONCAT('node', seq), seq, 1, 'h:1',"
      " '', 0, 0, 'ready', UTC_TIMESTAMP(6) + INTERVAL 1 HOUR FROM seq_1_to_10000");
  end_lease("n1", "1 SECOND");
  EXPECT_EQ(find(one->read(), "n1")->number, 20'000);
  EXPECT_EQ(one->read()->nodes.size(), 1'000U);
}

TEST_F(MysqlBackendTest, ReadsAStateThatANewerReleaseWrote) {
  auto one = backend();
  ASSERT_TRUE(one->renew(row("n1"), long_lease).has_value());
  sql("UPDATE discovery_nodes SET state = 'hibernating'");
  EXPECT_EQ(find(one->read(), "n1")->state, NodeState::unknown);
}

TEST_F(MysqlBackendTest, SaysWhoIsDeniedWhereWithoutThePassword) {
  MysqlAddress wrong = address();
  wrong.password = "canary";
  MysqlBackend node(wrong, "default");
  EXPECT_EQ(node.read().error(), Errc::access_denied);
  EXPECT_NE(node.last_failure().find(server_->user()), std::string::npos) << node.last_failure();
  EXPECT_EQ(node.last_failure().find("canary"), std::string::npos) << node.last_failure();
}

// A database that accepts and stays silent: each call ends at its timeout.
TEST_F(MysqlBackendTest, WaitsForASilentDatabaseNoLongerThanItsTimeouts) {
  TcpGate gate(server_->port());
  MysqlAddress through = address();
  through.port = gate.port();
  MysqlBackend node(through, "default");
  ASSERT_TRUE(node.renew(row("n1"), long_lease).has_value()) << node.last_failure();
  gate.stall();
  for (int call = 0; call < 3; ++call) {  // On the open connection, then on new ones.
    const auto begun = Clock::now();
    EXPECT_EQ(node.read().error(), Errc::registry_unavailable);
    EXPECT_LT(Clock::now() - begun, 4s);
  }
  gate.open();
  EXPECT_TRUE(node.read().has_value()) << node.last_failure();
}

// Each answer is just in time; opening a session takes a dozen of them.
TEST_F(MysqlBackendTest, WaitsForASlowDatabaseNoLongerThanItsTimeoutsTogether) {
  TcpGate gate(server_->port());
  gate.delay(350ms);  // Each way.
  MysqlAddress through = address();
  through.port = gate.port();
  MysqlBackend node(through, "default");
  const auto begun = Clock::now();
  EXPECT_EQ(node.renew(row("n1"), long_lease).error(), Errc::registry_unavailable);
  EXPECT_LT(Clock::now() - begun, 6s);
  gate.delay(0ms);
  EXPECT_TRUE(node.renew(row("n1"), long_lease).has_value()) << node.last_failure();
}

TEST_F(MysqlBackendTest, HoldsNobodyUpWhoAsksDiscoveryWhileTheDatabaseIsSilent) {
  TcpGate gate(server_->port());
  MysqlAddress through = address();
  through.port = gate.port();
  RecordedEvents events;
  Discovery discovery({.self = row("n1"), .lease = 2s, .read_interval = 50ms},
                      std::make_unique<MysqlBackend>(through, "default"), events);
  ASSERT_TRUE(discovery.start().has_value());
  ASSERT_TRUE(events.wait_for("registered")) << events.all();
  gate.stall();
  std::chrono::nanoseconds longest{0};
  while (!events.has("failed")) {
    const auto begun = Clock::now();
    discovery.nudge();
    discovery.set_state(NodeState::draining);
    EXPECT_TRUE(discovery.self().has_value());
    (void)discovery.peers();
    (void)discovery.lease_remaining();
    (void)discovery.available();
    longest = std::max<std::chrono::nanoseconds>(longest, Clock::now() - begun);
    std::this_thread::yield();
  }
  EXPECT_LT(longest, 500ms);
  const auto begun = Clock::now();
  discovery.stop();  // It would leave in order, but not at any price.
  EXPECT_LT(Clock::now() - begun, 4s);
}

// design.md §6, with a real server that stops, dies and stalls.
TEST_F(MysqlBackendTest, ChangesNothingWhileTheDatabaseIsAwayAndGoesOnByItself) {
  struct Node {
    Node(const MysqlAddress& address, const NodeRow& self)
        : discovery({.self = self, .lease = 2s, .read_interval = 100ms},
                    std::make_unique<MysqlBackend>(address, "default"), events) {
      discovery.on_peers([this](const std::vector<NodeRow>& peers) { events.peers(peers); });
      EXPECT_TRUE(discovery.start().has_value());
    }
    ~Node() { discovery.stop(); }
    RecordedEvents events;
    Discovery discovery;
  };
  Node one(address(), row("n1"));
  Node two(address(), row("n2", 1, 5291));
  ASSERT_TRUE(one.events.wait_for("peers n2")) << one.events.all();
  ASSERT_TRUE(two.events.wait_for("peers n1")) << two.events.all();

  const auto outage = [&](auto begin, auto end) {
    const std::size_t first = one.events.mark();
    const std::size_t second = two.events.mark();
    begin();
    ASSERT_TRUE(one.events.wait_for("failed", first)) << one.events.all();
    ASSERT_TRUE(two.events.wait_for("failed", second)) << two.events.all();
    EXPECT_TRUE(eventually(10s, [&] { return one.discovery.lease_remaining() < 0ms; }));
    end();
    ASSERT_TRUE(one.events.wait_for("recovered", first)) << one.events.all();
    ASSERT_TRUE(two.events.wait_for("recovered", second)) << two.events.all();
    EXPECT_FALSE(one.events.has("peers", first)) << one.events.all();
    EXPECT_FALSE(two.events.has("peers", second)) << two.events.all();
  };
  outage([] { server_->stop(); }, [] { server_->start(); });
  outage([] { server_->kill(); }, [] { server_->start(); });
  outage([] { server_->stall(); }, [] { server_->resume(); });
  EXPECT_EQ(one.discovery.peers().size(), 1U);
}

}  // namespace
}  // namespace discovery
