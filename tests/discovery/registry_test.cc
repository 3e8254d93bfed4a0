#include "discovery/registry.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include "tests/discovery/recorded_events.h"
#include "tests/support/eventually.h"

namespace discovery {
namespace {

using namespace std::chrono_literals;
using tests::eventually;
using Clock = std::chrono::steady_clock;

constexpr auto lease = 1'000ms;  // Long enough for a machine that compiles meanwhile.

// A registry in memory that can be broken, and told what to say.
class FakeRegistry {
 public:
  Result<Reading> renew(const NodeRow& self, std::chrono::milliseconds lease_time) {
    const std::lock_guard lock(mutex_);
    if (is_away_) return Errc::registry_unavailable;
    const auto found = rows_.find(self.name);
    if (found != rows_.end() && found->second.row.incarnation != self.incarnation &&
        found->second.lease_end > Clock::now()) {
      return Errc::name_taken;
    }
    Entry& entry = rows_[self.name];
    const std::uint16_t number =
        entry.row.number != 0 ? entry.row.number : static_cast<std::uint16_t>(rows_.size());
    entry = {self, Clock::now() + lease_time};
    entry.row.number = number;
    return reading();
  }

  Result<Reading> read() {
    const std::lock_guard lock(mutex_);
    if (is_away_) return Errc::registry_unavailable;
    ++reads_;
    return reading();
  }

  void remove(const std::string& name) {
    const std::lock_guard lock(mutex_);
    rows_.erase(name);
  }

  void set_away(bool is_away) {
    const std::lock_guard lock(mutex_);
    is_away_ = is_away;
  }

  void put(const NodeRow& row, std::chrono::milliseconds lease_time) {
    const std::lock_guard lock(mutex_);
    rows_[row.name] = {row, Clock::now() + lease_time};
  }

  // Sets the registry's clock forward, as an administrator or a fail-over does.
  void jump(std::chrono::seconds forward) {
    const std::lock_guard lock(mutex_);
    for (auto& [name, entry] : rows_) entry.lease_end -= forward;
    clock_offset_ = clock_offset_.load() + forward;
  }

  void set_clock_offset(std::chrono::seconds offset) { clock_offset_ = offset; }
  int reads() const { return reads_; }

 private:
  struct Entry {
    NodeRow row;
    Clock::time_point lease_end;
  };

  Reading reading() const {
    Reading reading;
    for (const auto& [name, entry] : rows_) {
      reading.nodes.push_back(entry.row);
      reading.nodes.back().lease_remaining =
          std::chrono::duration_cast<std::chrono::milliseconds>(entry.lease_end - Clock::now());
    }
    reading.clock = std::chrono::system_clock::now() + clock_offset_.load();
    return reading;
  }

  std::mutex mutex_;
  std::map<std::string, Entry> rows_;
  bool is_away_ = false;
  std::atomic<int> reads_ = 0;
  std::atomic<std::chrono::seconds> clock_offset_ = 0s;
};

class FakeBackend final : public Backend {
 public:
  FakeBackend(FakeRegistry& registry, const std::atomic<bool>& is_dead)
      : registry_(registry), is_dead_(is_dead) {}

  Result<Reading> renew(const NodeRow& self, std::chrono::milliseconds lease_time) override {
    if (is_dead_) return Errc::registry_unavailable;
    return registry_.renew(self, lease_time);
  }
  Result<Reading> read() override {
    if (is_dead_) return Errc::registry_unavailable;
    return registry_.read();
  }
  Result<void> leave(const NodeRow& self) override {
    if (!is_dead_) registry_.remove(self.name);
    return {};
  }
  std::string last_failure() const override { return "the fake is away"; }

 private:
  FakeRegistry& registry_;
  const std::atomic<bool>& is_dead_;
};

NodeRow row(const std::string& name, std::uint64_t incarnation = 1) {
  return {.name = name,
          .incarnation = incarnation,
          .peer_address = name + ".example:5290",
          .version = "0.1",
          .protocol_min = 1,
          .protocol_max = 1,
          .state = NodeState::ready};
}

// One node's discovery on the fake registry.
struct Node {
  Node(FakeRegistry& registry, const std::string& name, std::uint64_t incarnation = 1,
       std::chrono::milliseconds lease_time = lease, std::chrono::milliseconds read_interval = 50ms)
      : discovery(
            {.self = row(name, incarnation), .lease = lease_time, .read_interval = read_interval},
            std::make_unique<FakeBackend>(registry, is_dead), events) {
    discovery.on_peers([this](const std::vector<NodeRow>& peers) { events.peers(peers); });
    EXPECT_TRUE(discovery.start().has_value());
  }
  ~Node() { discovery.stop(); }

  // From now on it renews nothing and says no farewell, as after kill -9.
  void die() {
    is_dead = true;
    discovery.stop();
  }

  std::atomic<bool> is_dead = false;
  RecordedEvents events;
  Discovery discovery;
};

TEST(Discovery, TellsEachNodeOfTheOtherAndOfItsOwnNumber) {
  FakeRegistry registry;
  Node one(registry, "n1");
  ASSERT_TRUE(one.events.wait_for("registered 1"));
  Node two(registry, "n2");
  EXPECT_TRUE(one.events.wait_for("peers n2"));
  EXPECT_TRUE(two.events.wait_for("peers n1"));
  ASSERT_TRUE(two.discovery.self().has_value());
  EXPECT_EQ(two.discovery.self()->number, 2);
  EXPECT_GT(two.discovery.lease_remaining(), 0ms);
  EXPECT_TRUE(two.discovery.available());
}

TEST(Discovery, TellsAnUnchangedListOnce) {
  FakeRegistry registry;
  Node one(registry, "n1");
  Node two(registry, "n2");
  ASSERT_TRUE(one.events.wait_for("peers n2"));
  const int reads = registry.reads();
  ASSERT_TRUE(one.events.wait_for("renewed", one.events.mark()));
  ASSERT_TRUE(one.events.wait_for("renewed", one.events.mark()));
  EXPECT_GT(registry.reads(), reads);
  EXPECT_EQ(one.events.count("peers n2"), 1U) << one.events.all();
}

TEST(Discovery, ShowsANodesStateToTheOthers) {
  FakeRegistry registry;
  Node one(registry, "n1");
  Node two(registry, "n2");
  ASSERT_TRUE(one.events.wait_for("peers n2"));
  two.discovery.set_state(NodeState::draining);
  EXPECT_TRUE(one.events.wait_for("peers n2:draining")) << one.events.all();
}

TEST(Discovery, TakesANodeThatLeavesOffAtOnce) {
  FakeRegistry registry;
  Node one(registry, "n1");
  auto two = std::make_unique<Node>(registry, "n2");
  ASSERT_TRUE(one.events.wait_for("peers n2"));
  const std::size_t mark = one.events.mark();
  two.reset();
  EXPECT_TRUE(one.events.wait_for("peers", mark));
  EXPECT_EQ(one.events.last_peers(), "peers");
}

TEST(Discovery, DropsADeadNodeWhenItsLeaseEnds) {
  FakeRegistry registry;
  Node one(registry, "n1");
  Node two(registry, "n2");
  ASSERT_TRUE(one.events.wait_for("peers n2"));
  const std::size_t mark = one.events.mark();
  const auto died = Clock::now();
  two.die();
  ASSERT_TRUE(one.events.wait_for("peers", mark)) << one.events.all();
  EXPECT_EQ(one.events.last_peers(), "peers");
  EXPECT_GT(Clock::now() - died, lease / 2);
}

// design.md §6: an outage of any length changes nothing for nodes that know each other.
TEST(Discovery, KeepsItsPeersOverAnOutageLongerThanEveryLease) {
  FakeRegistry registry;
  Node one(registry, "n1");
  Node two(registry, "n2");
  ASSERT_TRUE(one.events.wait_for("peers n2"));
  ASSERT_TRUE(two.events.wait_for("peers n1"));

  registry.set_away(true);
  ASSERT_TRUE(one.events.wait_for("failed"));
  ASSERT_TRUE(two.events.wait_for("failed"));
  EXPECT_FALSE(one.discovery.available());
  EXPECT_TRUE(eventually(10s, [&] {
    return one.discovery.lease_remaining() < 0ms && two.discovery.lease_remaining() < 0ms;
  }));
  registry.set_away(false);

  ASSERT_TRUE(one.events.wait_for("recovered"));
  ASSERT_TRUE(two.events.wait_for("recovered"));
  EXPECT_TRUE(one.events.wait_for("renewed late"));
  ASSERT_TRUE(one.events.wait_for("renewed", one.events.mark()));
  ASSERT_TRUE(two.events.wait_for("renewed", two.events.mark()));
  EXPECT_EQ(one.events.count("peers n2"), 1U) << one.events.all();
  EXPECT_EQ(one.events.last_peers(), "peers n2");
  EXPECT_EQ(one.events.count("failed"), 1U) << one.events.all();
}

TEST(Discovery, DropsANodeThatDiedInAnOutageOneLeaseAfterIt) {
  FakeRegistry registry;
  Node one(registry, "n1");
  Node two(registry, "n2");
  ASSERT_TRUE(one.events.wait_for("peers n2"));
  registry.set_away(true);
  ASSERT_TRUE(one.events.wait_for("failed"));
  two.die();
  EXPECT_TRUE(eventually(10s, [&] { return one.discovery.lease_remaining() < 0ms; }));
  registry.set_away(false);
  ASSERT_TRUE(one.events.wait_for("recovered"));
  EXPECT_EQ(one.events.last_peers(), "peers n2");
  ASSERT_TRUE(one.events.wait_for("peers", one.events.mark())) << one.events.all();
  EXPECT_EQ(one.events.last_peers(), "peers");
}

TEST(Discovery, WaitsForItsNameUntilTheHoldersLeaseEnds) {
  FakeRegistry registry;
  Node holder(registry, "n1", 1);
  ASSERT_TRUE(holder.events.wait_for("registered"));
  Node newcomer(registry, "n1", 2);
  ASSERT_TRUE(newcomer.events.wait_for("taken by n1.example:5290"));
  EXPECT_FALSE(newcomer.discovery.self().has_value());
  EXPECT_FALSE(newcomer.events.has("peers"));
  holder.die();
  EXPECT_TRUE(newcomer.events.wait_for("registered")) << newcomer.events.all();
  EXPECT_EQ(newcomer.events.count("taken"), 1U);
}

TEST(Discovery, RefusesTheNewerOfTwoNodesWithOneNameOnceTheOlderHasShownThatItLives) {
  FakeRegistry registry;
  Node holder(registry, "n1", 1);
  ASSERT_TRUE(holder.events.wait_for("registered"));
  Node newcomer(registry, "n1", 2);
  ASSERT_TRUE(newcomer.events.wait_for("refused by n1.example:5290")) << newcomer.events.all();
  EXPECT_TRUE(newcomer.events.has("taken"));
  ASSERT_TRUE(holder.events.wait_for("renewed", holder.events.mark()));
  ASSERT_TRUE(holder.events.wait_for("renewed", holder.events.mark()));
  EXPECT_EQ(newcomer.events.count("refused"), 1U) << newcomer.events.all();
  EXPECT_FALSE(holder.events.has("taken")) << holder.events.all();
  EXPECT_FALSE(newcomer.events.has("registered"));
}

TEST(Discovery, DoesNotRefuseANameWhoseHolderIsDead) {
  FakeRegistry registry;
  Node holder(registry, "n1", 1);
  ASSERT_TRUE(holder.events.wait_for("registered"));
  holder.die();
  Node newcomer(registry, "n1", 2);
  EXPECT_TRUE(newcomer.events.wait_for("registered")) << newcomer.events.all();
  EXPECT_FALSE(newcomer.events.has("refused")) << newcomer.events.all();
}

// A node that was paused for longer than its lease, while a later life of it was started.
TEST(Discovery, TellsANodeWhoseNameALaterLifeHasThatItIsRefused) {
  FakeRegistry registry;
  Node paused(registry, "n1", 1);
  ASSERT_TRUE(paused.events.wait_for("registered"));
  registry.put(row("n1", 2), 1h);
  EXPECT_TRUE(paused.events.wait_for("taken")) << paused.events.all();
  EXPECT_TRUE(paused.events.wait_for("refused")) << paused.events.all();
  EXPECT_FALSE(paused.discovery.self().has_value());
}

// All leases are over at once, and no node is dead.
TEST(Discovery, KeepsItsPeersWhenTheRegistrysClockIsSetForward) {
  FakeRegistry registry;
  Node one(registry, "n1");
  Node two(registry, "n2");
  ASSERT_TRUE(one.events.wait_for("peers n2"));
  ASSERT_TRUE(two.events.wait_for("peers n1"));
  // Known for so long that neither is lenient any more.
  EXPECT_TRUE(eventually(20s, [&] { return one.events.count("renewed") >= 8; }));
  const std::size_t first = one.events.mark();
  const std::size_t second = two.events.mark();
  registry.jump(3600s);
  for (int n = 0; n < 6; ++n) {
    ASSERT_TRUE(one.events.wait_for("renewed", one.events.mark()));
    ASSERT_TRUE(two.events.wait_for("renewed", two.events.mark()));
  }
  EXPECT_FALSE(one.events.has("peers", first)) << one.events.all();
  EXPECT_FALSE(two.events.has("peers", second)) << two.events.all();
}

TEST(Discovery, ClaimsARowThatSomebodyRemoved) {
  FakeRegistry registry;
  Node one(registry, "n1");
  ASSERT_TRUE(one.events.wait_for("registered"));
  const std::size_t mark = one.events.mark();
  registry.remove("n1");
  EXPECT_TRUE(one.events.wait_for("registered", mark)) << one.events.all();
}

TEST(Discovery, ReportsAPeerOfAnotherProtocolInsteadOfListingIt) {
  FakeRegistry registry;
  NodeRow future = row("n9");
  future.protocol_min = future.protocol_max = 7;
  registry.put(future, 1h);
  Node one(registry, "n1");
  Node two(registry, "n2");
  EXPECT_TRUE(one.events.wait_for("incompatible n9"));
  EXPECT_TRUE(one.events.wait_for("peers n2"));
  EXPECT_EQ(one.events.count("incompatible"), 1U);
}

TEST(Discovery, ReadsAtOnceWhenNudged) {
  FakeRegistry registry;
  Node one(registry, "n1", 1, 4h, 1h);  // By itself it looks again in an hour.
  ASSERT_TRUE(one.events.wait_for("peers"));
  const std::size_t mark = one.events.mark();
  registry.put(row("n2"), 1h);
  const auto asked = Clock::now();
  one.discovery.nudge();
  ASSERT_TRUE(one.events.wait_for("peers n2", mark));
  EXPECT_LT(Clock::now() - asked, 5s);
}

TEST(Discovery, TellsOfAClockThatDiffers) {
  FakeRegistry registry;
  registry.set_clock_offset(10s);
  Node one(registry, "n1");
  EXPECT_TRUE(one.events.wait_for("clock differs"));
}

TEST(Discovery, RefusesASelfThatOthersCouldNotUse) {
  FakeRegistry registry;
  const std::atomic<bool> is_dead = false;
  RecordedEvents events;
  for (const auto& spoil : std::vector<void (*)(DiscoveryOptions&)>{
           [](DiscoveryOptions& options) { options.self.name = "n 1"; },
           [](DiscoveryOptions& options) { options.self.peer_address = "nowhere"; },
           [](DiscoveryOptions& options) { options.self.version = std::string(65, 'v'); },
           [](DiscoveryOptions& options) { options.self.incarnation = 0; },
           [](DiscoveryOptions& options) { options.self.protocol_min = 2; },
           [](DiscoveryOptions& options) { options.lease = 0ms; }}) {
    DiscoveryOptions options{.self = row("n1")};
    spoil(options);
    Discovery discovery(options, std::make_unique<FakeBackend>(registry, is_dead), events);
    const Result<void> started = discovery.start();
    ASSERT_TRUE(started.has_error());
    EXPECT_EQ(started.error(), Errc::bad_self);
  }
}

}  // namespace
}  // namespace discovery
