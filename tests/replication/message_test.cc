#include <gtest/gtest.h>

#include "tests/replication/nodes.h"
#include "tests/support/tcp_gate.h"

namespace replication {
namespace {

using tests::TcpGate;
using Messages = std::vector<std::string>;

// A node that keeps what it is sent, and what comes back to it.
struct Correspondent : TestNode {
  ~Correspondent() { kill(); }  // Its thread fills what is destroyed next.

  explicit Correspondent(NodeOptions options) : TestNode(std::move(options)) {
    node->on_message([this](NodeRef, std::string_view payload) {
      received.with([&](Messages& all) { all.emplace_back(payload); });
    });
    node->on_undelivered([this](NodeRef, std::string payload) {
      returned.with([&](Messages& all) { all.push_back(std::move(payload)); });
    });
  }
  std::size_t received_count() const {
    return received.with([](const Messages& all) { return all.size(); });
  }

  Guarded<Messages> received;
  Guarded<Messages> returned;
};

Messages numbered(int from, int to) {
  Messages all;
  for (int i = from; i < to; ++i) all.push_back(std::to_string(i));
  return all;
}

TEST(Message, ArrivesOnceAndInOrder) {
  Correspondent a(quick("a")), b(quick("b"));
  ASSERT_TRUE(join({&a, &b}));
  NodeRef to = a.ref(b);
  for (const std::string& text : numbered(0, 10'000)) ASSERT_TRUE(a.node->send(to, text));
  ASSERT_TRUE(eventually(10s, [&] { return b.received_count() == 10'000; }));
  EXPECT_EQ(b.received.copy(), numbered(0, 10'000));
  EXPECT_TRUE(eventually(2s, [&] { return a.peer("b").backlog_messages == 0; }));
  EXPECT_TRUE(eventually(2s, [&] { return a.peer("b").ack_latency > 0us; }));
}

// Exactly once across cuts at any moment, in both directions at once.
TEST(Message, ArrivesOnceAcrossCuts) {
  NodeOptions for_a = quick("a"), for_b = quick("b");
  for_a.forget_after = for_b.forget_after = 60s;
  Correspondent a(for_a), b(for_b);
  a.start();
  b.start();
  TcpGate to_a(a.node->listen_port()), to_b(b.node->listen_port());
  a.node->set_peers({{"b", "127.0.0.1", to_b.port()}});
  b.node->set_peers({{"a", "127.0.0.1", to_a.port()}});
  ASSERT_TRUE(eventually(5s, [&] { return a.ready("b") && b.ready("a"); }));
  int next = 0;
  for (int cut = 0; cut < 10; ++cut) {
    // Large enough that much of it is on its way when the cut comes.
    for (int i = 0; i < 500; ++i, ++next) {
      ASSERT_TRUE(a.node->send(b.node->id(), std::to_string(next)));
      ASSERT_TRUE(b.node->send(a.node->id(), std::to_string(next)));
    }
    to_a.cut();
    to_b.cut();
    to_a.open();
    to_b.open();
  }
  EXPECT_TRUE(eventually(10s, [&] {
    return a.received_count() >= numbered(0, next).size() &&
           b.received_count() >= numbered(0, next).size();
  })) << a.events.all();
  EXPECT_EQ(a.received.copy(), numbered(0, next));
  EXPECT_EQ(b.received.copy(), numbered(0, next));
  EXPECT_TRUE(a.returned.copy().empty());
}

TEST(Message, ToANodeThatDiesComesBack) {
  NodeOptions for_a = quick("a");
  Correspondent a(for_a);
  auto b = std::make_unique<Correspondent>(quick("b"));
  a.start();
  b->start();
  TcpGate to_b(b->node->listen_port());
  a.node->set_peers({{"b", "127.0.0.1", to_b.port()}});
  ASSERT_TRUE(eventually(5s, [&] { return a.ready("b") && b->ready("a"); }));
  NodeId id = b->node->id();
  ASSERT_TRUE(a.node->send(id, "taken"));
  ASSERT_TRUE(eventually(5s, [&] { return a.peer("b").ack_latency > 0us; }));  // Acknowledged.
  to_b.stall();
  for (const std::string& text : numbered(0, 100)) ASSERT_TRUE(a.node->send(id, text));
  b.reset();
  EXPECT_TRUE(eventually(5s, [&] { return a.returned.copy() == numbered(0, 100); }))
      << a.events.all();
  EXPECT_EQ(a.node->send(id, "too late").error(), Errc::node_gone);
}

TEST(Message, OverTheQueuesBoundIsRefusedAtOnce) {
  NodeOptions small = quick("a");
  small.link_queue_bytes_max = 100'000;
  small.forget_after = 60s;
  Correspondent a(small), b(quick("b"));
  a.start();
  b.start();
  TcpGate to_b(b.node->listen_port());
  a.node->set_peers({{"b", "127.0.0.1", to_b.port()}});
  ASSERT_TRUE(eventually(5s, [&] { return a.ready("b") && b.ready("a"); }));
  to_b.stall();
  int taken = 0;
  Result<void> last;
  while (taken < 1000 && (last = a.node->send(b.node->id(), std::string(1000, 'x')))) ++taken;
  EXPECT_EQ(last.error(), Errc::queue_full);
  EXPECT_EQ(taken, 98);
  to_b.open();
  EXPECT_TRUE(
      eventually(5s, [&] { return b.received_count() == static_cast<std::size_t>(taken); }));
  EXPECT_TRUE(a.node->send(b.node->id(), "room again"));
}

TEST(Message, QueuedWhenANodeStopsInOrderIsStillDelivered) {
  Correspondent a(quick("a")), b(quick("b"));
  ASSERT_TRUE(join({&a, &b}));
  for (const std::string& text : numbered(0, 5'000)) ASSERT_TRUE(a.node->send(b.node->id(), text));
  a.node->stop(5s);
  EXPECT_EQ(b.received.copy(), numbered(0, 5'000));
  EXPECT_TRUE(a.returned.copy().empty());
}

TEST(Message, ToNobodyIsAnError) {
  Correspondent a(quick("a"));
  a.start();
  EXPECT_EQ(a.node->send(NodeId{"b", 1}, "text").error(), Errc::unknown_node);
  EXPECT_EQ(a.node->send(a.node->id(), "text").error(), Errc::unknown_node);
}

}  // namespace
}  // namespace replication
