// Nodes that cannot reach each other, and a third that reaches both (design R11).

#include <gtest/gtest.h>

#include <optional>

#include "replication/relay_frames.h"
#include "tests/replication/relay_net.h"

namespace replication {
namespace {

bool is_gone(RelayNode& node, const std::string& name) { return node.events.has("gone " + name); }

TEST(Relay, LinksTwoNodesWhosePathIsCut) {
  Net net(3);
  ASSERT_TRUE(net.join()) << net.events();
  Traffic traffic(net["a"], net["b"]);
  net.cut("a", "b");
  EXPECT_TRUE(net.relayed("a", "b")) << net.events();
  EXPECT_EQ(net["a"].peer("b").via, "c");
  EXPECT_TRUE(eventually(5s, [&] {
    return net["c"].peer("a").tunnels == 1 && net["c"].peer("a").relayed_bytes > 0 &&
           net["c"].peer("b").relayed_bytes > 0;
  }));
  net.open("a", "b");
  EXPECT_TRUE(net.none_relayed()) << net.events();
  traffic.stop();
  EXPECT_TRUE(traffic.arrived()) << net.events();
  EXPECT_TRUE(eventually(5s, [&] { return net.equal(); }));
  EXPECT_FALSE(is_gone(net["a"], "b") || is_gone(net["b"], "a")) << net.events();
  EXPECT_FALSE(net["a"].events.has("resync")) << net.events();
  EXPECT_TRUE(eventually(5s, [&] { return net["c"].peer("a").tunnels == 0; }));
}

TEST(Relay, LinksTwoNodesBetweenWhichBytesVanish) {
  Net net(3);
  ASSERT_TRUE(net.join()) << net.events();
  Traffic traffic(net["a"], net["b"]);
  net.stall("a", "b");
  EXPECT_TRUE(net.relayed("a", "b")) << net.events();
  net.open("a", "b");
  EXPECT_TRUE(net.none_relayed()) << net.events();
  traffic.stop();
  EXPECT_TRUE(traffic.arrived()) << net.events();
  EXPECT_TRUE(eventually(5s, [&] { return net.equal(); }));
  EXPECT_FALSE(is_gone(net["a"], "b") || is_gone(net["b"], "a")) << net.events();
}

// One direction of the path is dead: the side that hears nothing opens the tunnel, and the other,
// which hears well but gets no answers, takes it.
TEST(Relay, LinksTwoNodesOfWhichOneIsNotHeard) {
  Net net(3);
  ASSERT_TRUE(net.join()) << net.events();
  net.lose("a", "b");
  EXPECT_TRUE(net.relayed("a", "b")) << net.events();
  EXPECT_FALSE(is_gone(net["a"], "b") || is_gone(net["b"], "a")) << net.events();
}

// A refused dial means a dead process only if no other node reaches it.
TEST(Relay, KeepsANodeAliveThatRefusesOurDials) {
  Net net(3);
  ASSERT_TRUE(net.join()) << net.events();
  ASSERT_TRUE(net["b"].texts->put({"k", ""}, "kept"));
  for (int round = 0; round < 3; ++round) {
    net.refuse("a", "b");
    EXPECT_TRUE(net.relayed("a", "b")) << net.events();
    net.allow("a", "b");
    EXPECT_TRUE(net.none_relayed()) << net.events();
  }
  EXPECT_FALSE(is_gone(net["a"], "b") || is_gone(net["b"], "a")) << net.events();
  EXPECT_EQ(net["a"].at({"k", ""}), (std::map<std::string, std::string>{{"b", "kept"}}));
}

/// Two nodes that talk through one of two others, when that one stops to serve.
class ChangeOfRelay : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(net_.join()) << net_.events();
    traffic_.emplace(net_["a"], net_["b"]);
    net_.cut("a", "b");
    ASSERT_TRUE(net_.relayed("a", "b")) << net_.events();
    first_ = net_["a"].peer("b").via;
  }

  /// All goes on through the other one, and what was on its way comes too.
  void expect_the_other() {
    const std::string second = first_ == "c" ? "d" : "c";
    EXPECT_TRUE(eventually(5s, [&] {
      return net_.is_relayed("a", "b") && net_["a"].peer("b").via == second &&
             net_["b"].peer("a").via == second;
    })) << net_.events();
    traffic_->stop();
    EXPECT_TRUE(traffic_->arrived()) << net_.events();
    EXPECT_TRUE(eventually(5s, [&] { return net_.equal("a", "b"); }));
    EXPECT_FALSE(is_gone(net_["a"], "b") || is_gone(net_["b"], "a")) << net_.events();
  }

  Net net_{4};
  std::optional<Traffic> traffic_;
  std::string first_;
};

TEST_F(ChangeOfRelay, ComesWhenItDies) {
  net_[first_].kill();
  expect_the_other();
}

TEST_F(ChangeOfRelay, ComesWhenItHangs) {
  for (const char* end : {"a", "b"}) net_.stall(end, first_);
  expect_the_other();
}

TEST_F(ChangeOfRelay, ComesWhenItLeaves) {
  net_[first_].node->stop();
  expect_the_other();
  EXPECT_TRUE(net_["a"].events.has("gone " + first_ + ": the peer left in order")) << net_.events();
}

TEST(Relay, CarriesTheGoodbyeOfANodeThatLeaves) {
  Net net(3);
  ASSERT_TRUE(net.join()) << net.events();
  net.cut("a", "b");
  ASSERT_TRUE(net.relayed("a", "b")) << net.events();
  ASSERT_TRUE(net["b"].node->send(net["a"].node->id(), "last words"));
  net["b"].node->stop();
  EXPECT_TRUE(eventually(2s, [&] { return net["a"].events.has("gone b: the peer left in order"); }))
      << net.events();
  EXPECT_EQ(net["a"].from("b"), (Messages{"last words"}));
  EXPECT_TRUE(net["b"].returned.copy().empty());
}

TEST(Relay, LetsANodeJoinThatReachesOnlySome) {
  Net net(4);
  for (const char* other : {"a", "b"}) net.refuse("d", other);
  ASSERT_TRUE(net["a"].texts->put({"k", ""}, "a's"));
  ASSERT_TRUE(net["d"].texts->put({"k", ""}, "d's"));
  net.introduce("d");
  ASSERT_TRUE(eventually(5s, [&] { return net["a"].ready("c") && net["b"].ready("c"); }));
  net.introduce();
  EXPECT_TRUE(net["d"].node->wait_joined(in(5s)));
  EXPECT_TRUE(net.all_linked()) << net.events();
  EXPECT_TRUE(net.is_relayed("a", "d") && net.is_relayed("d", "b"));
  EXPECT_TRUE(eventually(5s, [&] { return net.equal(); }));
  EXPECT_EQ(net["a"].at({"k", ""}),
            (std::map<std::string, std::string>{{"a", "a's"}, {"d", "d's"}}));
}

TEST(Relay, HoldsFiveNodesTogetherAcrossManyCuts) {
  Net net(5);
  ASSERT_TRUE(net.join()) << net.events();
  Traffic ab(net["a"], net["b"]);
  // What is left is a star around c.
  for (auto [x, y] : {std::pair("a", "b"), std::pair("a", "d"), std::pair("a", "e"),
                      std::pair("b", "d"), std::pair("b", "e"), std::pair("d", "e")}) {
    net.cut(x, y);
  }
  EXPECT_TRUE(net.all_linked()) << net.events();
  EXPECT_TRUE(net.is_relayed("a", "b") && net.is_relayed("d", "e"));
  EXPECT_EQ(net["d"].peer("e").via, "c");
  for (auto [x, y] : {std::pair("a", "b"), std::pair("a", "d"), std::pair("a", "e"),
                      std::pair("b", "d"), std::pair("b", "e"), std::pair("d", "e")}) {
    net.open(x, y);
  }
  EXPECT_TRUE(net.none_relayed()) << net.events();
  ab.stop();
  EXPECT_TRUE(ab.arrived()) << net.events();
  EXPECT_TRUE(eventually(5s, [&] { return net.equal(); }));
  for (const char* node : {"a", "b", "c", "d", "e"}) {
    EXPECT_FALSE(net[node].events.has("gone")) << net.events();
  }
}

// Design §5: a kill -9 of a process must be noticed well under a second, also by nodes that ask
// others whether they reach it.
TEST(Relay, DoesNotHideADeadNode) {
  Net net(5);
  ASSERT_TRUE(net.join()) << net.events();
  ASSERT_TRUE(net["b"].texts->put({"k", ""}, "text"));
  ASSERT_TRUE(eventually(5s, [&] { return net.equal(); }));
  // Through a gate a dead process does not refuse: it must be dialled at its own port.
  net.direct();
  const auto died = std::chrono::steady_clock::now();
  net["b"].kill();
  EXPECT_TRUE(eventually(5s, [&] {
    return is_gone(net["a"], "b") && is_gone(net["c"], "b") && is_gone(net["d"], "b") &&
           is_gone(net["e"], "b");
  })) << net.events();
  EXPECT_LT(std::chrono::steady_clock::now() - died, 1s);
  EXPECT_EQ(net["a"].texts->size(), 0u);
}

// hardening K5, design R9: a far end that takes nothing costs the relay a window, and the sender's
// other peers nothing.
TEST(Relay, HoldsNoMoreThanAWindowForASlowReceiver) {
  Net net(3, [](NodeOptions& options) {
    options.silence_max = 20s;
    options.lag_max = 200ms;
  });
  net.refuse("a", "b");
  ASSERT_TRUE(net.join()) << net.events();
  ASSERT_TRUE(net.is_relayed("a", "b")) << net.events();
  net.stall("b", "c");
  const std::size_t before = net["c"].peer("b").relayed_bytes;
  std::size_t sent = 0;
  const std::string payload(10'000, 'x');
  for (; sent < 20'000'000; sent += payload.size()) {
    ASSERT_TRUE(net["a"].node->send(net["b"].node->id(), payload));
  }
  auto position = net["a"].texts->put({"k", ""}, "text").value();
  EXPECT_TRUE(net["a"].texts->wait_replicated(position, in(5s))) << net.events();
  EXPECT_EQ(net["c"].at({"k", ""}), (std::map<std::string, std::string>{{"a", "text"}}));
  // All that was let in is held there, or on its way behind.
  EXPECT_TRUE(eventually(5s, [&] { return net["c"].peer("b").relayed_bytes > before; }));
  EXPECT_LE(net["c"].peer("b").relayed_bytes - before, relay_window_bytes);
  net.open("b", "c");
  EXPECT_TRUE(eventually(20s, [&] { return net["b"].from("a").size() == sent / payload.size(); }))
      << net.events();
}

TEST(Relay, IsNotUsedWhereItIsSwitchedOff) {
  Net net(3, [](NodeOptions& options) { options.relay = options.name != "c"; });
  ASSERT_TRUE(net.join()) << net.events();
  net.cut("a", "b");
  EXPECT_TRUE(eventually(5s, [&] { return net["a"].events.has("unreachable b"); }));
  EXPECT_FALSE(net["a"].events.has("relayed"));
  EXPECT_TRUE(net["a"].ready("c"));
}

}  // namespace
}  // namespace replication
