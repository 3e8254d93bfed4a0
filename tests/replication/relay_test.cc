// Nodes that cannot reach each other, and a third that reaches both (design R11).

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "replication/relay_frames.h"
#include "tests/replication/nodes.h"
#include "tests/support/tcp_gate.h"

namespace replication {
namespace {

using tests::TcpGate;
using Messages = std::vector<std::string>;

struct RelayNode : TestNode {
  explicit RelayNode(NodeOptions options) : TestNode(std::move(options)) {
    node->on_message([this](NodeRef from, std::string_view payload) {
      received.with([&](auto& all) { all[node->id(from).name].emplace_back(payload); });
    });
    node->on_undelivered([this](NodeRef, std::string payload) {
      returned.with([&](Messages& all) { all.push_back(std::move(payload)); });
    });
  }
  ~RelayNode() { kill(); }  // Its thread fills what is destroyed next.

  Messages from(const std::string& name) const {
    return received.with([&](const auto& all) {
      auto found = all.find(name);
      return found == all.end() ? Messages() : found->second;
    });
  }

  Guarded<std::map<std::string, Messages>> received;
  Guarded<Messages> returned;
};

// Nodes "a", "b", "c", … each of which dials each other one through a gate of its own.
class Net {
 public:
  using Change = std::function<void(NodeOptions&)>;

  explicit Net(
      std::size_t count, const Change& change = [](NodeOptions&) {}) {
    for (std::size_t at = 0; at < count; ++at) {
      NodeOptions options = quick(std::string(1, static_cast<char>('a' + at)));
      options.forget_after = 60s;
      change(options);
      nodes_.push_back(std::make_unique<RelayNode>(options));
      nodes_.back()->start();
    }
    for (std::size_t from = 0; from < count; ++from) {
      for (std::size_t to = 0; to < count; ++to) {
        if (from == to) continue;
        gates_[{name(from), name(to)}] = std::make_unique<TcpGate>(nodes_[to]->node->listen_port());
      }
    }
  }

  // Tells all but `left_out` of all.
  void introduce(const std::string& left_out = {}) {
    for (auto& node : nodes_) {
      if (node->node && node->node->id().name != left_out) introduce_to(*node);
    }
  }

  void introduce_to(RelayNode& node) {
    std::vector<PeerAddress> peers;
    for (auto& [pair, gate] : gates_) {
      if (pair.first != node.node->id().name) continue;
      const bool refused = refused_.contains(std::minmax(pair.first, pair.second));
      // Nobody listens at port 1.
      const std::uint16_t port = refused ? 1 : gate->port();
      peers.push_back({pair.second, "127.0.0.1", port});
    }
    node.node->set_peers(peers);
  }

  bool join() {
    introduce();
    return all_linked();
  }

  bool all_linked() {
    return eventually(10s, [&] {
      return every_pair(
          [](RelayNode& node, RelayNode& other) { return node.ready(other.node->id().name); });
    });
  }

  bool none_relayed() {
    return eventually(10s, [&] {
      return every_pair([](RelayNode& node, RelayNode& other) {
        const PeerStatus peer = node.peer(other.node->id().name);
        return peer.state == PeerState::ready && peer.via.empty();
      });
    });
  }

  // What each node has of each is what that has itself.
  bool equal() {
    return every_pair([](RelayNode& node, RelayNode& other) {
      return node.texts->digest(node.ref(other)) == other.texts->digest(self_ref);
    });
  }

  bool relayed(const std::string& x, const std::string& y) {
    return eventually(10s, [&] { return is_relayed(x, y) && is_relayed(y, x); });
  }
  bool is_relayed(const std::string& x, const std::string& y) {
    const PeerStatus peer = (*this)[x].peer(y);
    return peer.state == PeerState::ready && !peer.via.empty();
  }

  void cut(const std::string& x, const std::string& y) { both(x, y, &TcpGate::cut); }
  void stall(const std::string& x, const std::string& y) { both(x, y, &TcpGate::stall); }
  void open(const std::string& x, const std::string& y) { both(x, y, &TcpGate::open); }

  // As a firewall that answers dials with a reset.
  void refuse(const std::string& x, const std::string& y) {
    refused_.insert(std::minmax(x, y));
    introduce_to((*this)[x]);
    introduce_to((*this)[y]);
    cut(x, y);
  }
  void allow(const std::string& x, const std::string& y) {
    refused_.erase(std::minmax(x, y));
    open(x, y);
    introduce_to((*this)[x]);
    introduce_to((*this)[y]);
  }

  RelayNode& operator[](const std::string& name) {
    return *nodes_.at(static_cast<std::size_t>(name.front() - 'a'));
  }

  // Bytes from x to y vanish; those from y to x arrive.
  void lose(const std::string& x, const std::string& y) {
    for (bool client : {true, false}) {
      gates_.at(client ? Pair(x, y) : Pair(y, x))
          ->tamper([client](bool from_client, std::size_t, std::string& bytes) {
            if (from_client == client) bytes.clear();
          });
    }
  }

  // From here on dials go to the nodes themselves, whose kernels refuse for them once they are
  // dead.
  void direct() {
    for (auto& node : nodes_) {
      std::vector<PeerAddress> peers;
      for (auto& other : nodes_) peers.push_back(other->address());
      node->node->set_peers(peers);
    }
  }

  std::string events() {
    std::string all;
    for (auto& node : nodes_) {
      if (node->node) all += "-- " + node->node->id().name + "\n" + node->events.all();
    }
    return all;
  }

 private:
  using Pair = std::pair<std::string, std::string>;

  static std::string name(std::size_t at) { return std::string(1, static_cast<char>('a' + at)); }

  void both(const std::string& x, const std::string& y, void (TcpGate::*change)()) {
    ((*gates_.at({x, y})).*change)();
    ((*gates_.at({y, x})).*change)();
  }

  bool every_pair(const std::function<bool(RelayNode&, RelayNode&)>& holds) {
    for (auto& node : nodes_) {
      for (auto& other : nodes_) {
        if (node == other || !node->node || !other->node) continue;
        if (!holds(*node, *other)) return false;
      }
    }
    return true;
  }

  std::vector<std::unique_ptr<RelayNode>> nodes_;
  std::map<Pair, std::unique_ptr<TcpGate>> gates_;
  std::set<Pair> refused_;
};

// Sends numbered messages and writes numbered records, both ways, until it is stopped.
class Traffic {
 public:
  Traffic(RelayNode& x, RelayNode& y) : x_(x), y_(y), thread_([this] { run(); }) {}
  ~Traffic() { stop(); }

  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }

  // Once stopped: whether all that was sent has come, once and in order.
  bool arrived() {
    const std::string x = x_.node->id().name, y = y_.node->id().name;
    return eventually(10s, [&] { return x_.from(y) == sent_ && y_.from(x) == sent_; });
  }
  std::size_t count() const { return sent_.size(); }
  std::chrono::steady_clock::duration longest_write() const { return longest_write_; }

 private:
  void run() {
    while (!stopping_) {
      sent_.push_back(std::to_string(sent_.size()));
      for (auto [from, to] : {std::pair(&x_, &y_), std::pair(&y_, &x_)}) {
        const auto begun = std::chrono::steady_clock::now();
        EXPECT_TRUE(from->texts->put({std::to_string(sent_.size() % 100), ""}, sent_.back()));
        longest_write_ = std::max(longest_write_, std::chrono::steady_clock::now() - begun);
        EXPECT_TRUE(from->node->send(to->node->id(), sent_.back()));
      }
      std::this_thread::yield();
      if (sent_.size() % 10 == 0) pause();
    }
  }

  // Some thousand messages a second are enough.
  void pause() {
    eventually(2ms, [this] { return stopping_.load(); });
  }

  RelayNode& x_;
  RelayNode& y_;
  Messages sent_;
  std::chrono::steady_clock::duration longest_write_{};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

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

TEST(Relay, ChangesWhenTheRelayDies) {
  Net net(4);
  ASSERT_TRUE(net.join()) << net.events();
  Traffic traffic(net["a"], net["b"]);
  net.cut("a", "b");
  ASSERT_TRUE(net.relayed("a", "b")) << net.events();
  const std::string first = net["a"].peer("b").via;
  const std::string second = first == "c" ? "d" : "c";
  net[first].kill();
  EXPECT_TRUE(eventually(5s, [&] {
    return net.is_relayed("a", "b") && net["a"].peer("b").via == second &&
           net["b"].peer("a").via == second;
  })) << net.events();
  traffic.stop();
  EXPECT_TRUE(traffic.arrived()) << net.events();
  EXPECT_TRUE(eventually(5s, [&] { return net.equal(); }));
  EXPECT_FALSE(is_gone(net["a"], "b") || is_gone(net["b"], "a")) << net.events();
}

TEST(Relay, ChangesWhenTheRelayHangs) {
  Net net(4);
  ASSERT_TRUE(net.join()) << net.events();
  Traffic traffic(net["a"], net["b"]);
  net.cut("a", "b");
  ASSERT_TRUE(net.relayed("a", "b")) << net.events();
  const std::string first = net["a"].peer("b").via;
  const std::string second = first == "c" ? "d" : "c";
  for (const char* end : {"a", "b"}) net.stall(end, first);
  EXPECT_TRUE(eventually(5s, [&] {
    return net.is_relayed("a", "b") && net["a"].peer("b").via == second &&
           net["b"].peer("a").via == second;
  })) << net.events();
  traffic.stop();
  EXPECT_TRUE(traffic.arrived()) << net.events();
  EXPECT_FALSE(is_gone(net["a"], "b") || is_gone(net["b"], "a")) << net.events();
}

TEST(Relay, ChangesWhenTheRelayLeaves) {
  Net net(4);
  ASSERT_TRUE(net.join()) << net.events();
  Traffic traffic(net["a"], net["b"]);
  net.cut("a", "b");
  ASSERT_TRUE(net.relayed("a", "b")) << net.events();
  const std::string first = net["a"].peer("b").via;
  net[first].node->stop();
  EXPECT_TRUE(eventually(5s, [&] {
    return net.is_relayed("a", "b") && net["a"].peer("b").via != first;
  })) << net.events();
  traffic.stop();
  EXPECT_TRUE(traffic.arrived()) << net.events();
  EXPECT_TRUE(net["a"].events.has("gone " + first + ": the peer left in order")) << net.events();
  EXPECT_FALSE(is_gone(net["a"], "b") || is_gone(net["b"], "a")) << net.events();
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
