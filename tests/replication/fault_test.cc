#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/replication/nodes.h"
#include "tests/support/tcp_gate.h"

namespace replication {
namespace {

using tests::TcpGate;

// Two nodes that reach each other only through gates.
struct GatedPair {
  explicit GatedPair(NodeOptions for_a = quick("a"), NodeOptions for_b = quick("b"))
      : a(for_a), b(for_b) {
    a.start();
    b.start();
    to_a = std::make_unique<TcpGate>(a.node->listen_port());
    to_b = std::make_unique<TcpGate>(b.node->listen_port());
  }

  void introduce() {
    a.node->set_peers({{"b", "127.0.0.1", to_b->port()}});
    b.node->set_peers({{"a", "127.0.0.1", to_a->port()}});
  }

  bool join() {
    introduce();
    return eventually(5s, [&] { return a.ready("b") && b.ready("a"); });
  }

  void cut() {
    to_a->cut();
    to_b->cut();
  }
  void stall() {
    to_a->stall();
    to_b->stall();
  }
  void open() {
    to_a->open();
    to_b->open();
  }

  bool equal() { return same_records(a, b, {a.node->id(), b.node->id()}); }

  TestNode a, b;
  std::unique_ptr<TcpGate> to_a, to_b;
};

// A plain socket, for bytes that no node would send.
class RawPeer {
 public:
  explicit RawPeer(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval limit{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~RawPeer() { ::close(socket_); }

  void send(const std::string& bytes) {
    EXPECT_EQ(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  // All that comes until the other side closes.
  std::string read_to_end() {
    std::string all;
    char buffer[4096];
    for (;;) {
      auto size = ::recv(socket_, buffer, sizeof buffer, 0);
      if (size <= 0) return all;
      all.append(buffer, static_cast<std::size_t>(size));
    }
  }

 private:
  int socket_;
};

std::string refuse_frame(Errc code) {
  return std::string("\0\0\0\3\3\0", 6) + static_cast<char>(code);
}

// Design R4, R7: what was written on both sides during a cut arrives, by the log alone.
TEST(Cut, IsCaughtUpFromTheLog) {
  GatedPair pair;
  ASSERT_TRUE(pair.join()) << pair.a.events.all();
  ASSERT_TRUE(pair.a.texts->put({"before", ""}, "1"));
  pair.cut();
  ASSERT_TRUE(eventually(5s, [&] { return pair.a.events.has("unreachable b"); }));
  EXPECT_EQ(pair.a.events.count("gone"), 0u);
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(pair.a.texts->put({std::to_string(i), ""}, "a's"));
    ASSERT_TRUE(pair.b.texts->put({std::to_string(i), ""}, "b's"));
  }
  pair.a.texts->erase({"before", ""});
  pair.open();
  EXPECT_TRUE(
      eventually(5s, [&] { return pair.a.ready("b") && pair.b.ready("a") && pair.equal(); }))
      << pair.a.events.all() << pair.b.events.all();
  EXPECT_EQ(pair.b.texts->size(), 1000u);
  EXPECT_FALSE(pair.a.events.has("resync"));
  EXPECT_FALSE(pair.b.events.has("resync"));
}

// Design R4, R9: too much was written for the log; the snapshot also takes away what was erased.
TEST(Cut, LongerThanTheLogEndsInASnapshot) {
  NodeOptions options = quick("a");
  options.log_ring_bytes = 64 * 1024;
  GatedPair pair(options);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(pair.a.texts->put({std::to_string(i), ""}, "old"));
  ASSERT_TRUE(pair.join());
  ASSERT_TRUE(eventually(5s, [&] { return pair.b.texts->size() == 100; }));
  pair.cut();
  ASSERT_TRUE(eventually(5s, [&] { return pair.a.events.has("unreachable b"); }));
  for (int i = 0; i < 50; ++i) pair.a.texts->erase({std::to_string(i), ""});
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(pair.a.texts->put({"new" + std::to_string(i), ""}, std::string(1000, 'x')));
  }
  pair.open();
  EXPECT_TRUE(eventually(5s, [&] { return pair.b.ready("a") && pair.equal(); }))
      << pair.b.events.all();
  EXPECT_EQ(pair.b.texts->size(), 350u);
  EXPECT_TRUE(pair.a.events.has("resync b texts")) << pair.a.events.all();
}

// Design §5: silence means unreachable, with the records kept; only then, later, gone.
TEST(Silence, MakesUnreachableThenForgotten) {
  GatedPair pair;
  ASSERT_TRUE(pair.b.texts->put({"k", ""}, "text"));
  ASSERT_TRUE(pair.join());
  ASSERT_TRUE(eventually(5s, [&] { return pair.a.texts->size() == 1; }));
  NodeRef b = pair.a.ref(pair.b);
  pair.stall();
  ASSERT_TRUE(eventually(5s, [&] { return pair.a.peer("b").state == PeerState::unreachable; }));
  EXPECT_FALSE(pair.a.node->reachable(b));
  EXPECT_TRUE(pair.a.node->alive(b));
  EXPECT_EQ(pair.a.texts->size(), 1u);
  ASSERT_TRUE(eventually(5s, [&] { return pair.a.events.has("gone b: the peer was unreachable"); }))
      << pair.a.events.all();
  EXPECT_EQ(pair.a.texts->size(), 0u);

  // The same life comes back, with all it has.
  pair.open();
  EXPECT_TRUE(eventually(5s, [&] { return pair.a.ready("b") && pair.a.texts->size() == 1; }))
      << pair.a.events.all();
}

TEST(Silence, ShortOfForgettingEndsOnItsOwn) {
  NodeOptions a = quick("a"), b = quick("b");
  a.forget_after = b.forget_after = 60s;
  GatedPair pair(a, b);
  ASSERT_TRUE(pair.join());
  pair.stall();
  ASSERT_TRUE(eventually(5s, [&] { return pair.a.events.has("unreachable b"); }));
  ASSERT_TRUE(pair.b.texts->put({"k", ""}, "written while stalled"));
  pair.open();
  EXPECT_TRUE(eventually(5s, [&] { return pair.a.ready("b") && pair.a.texts->size() == 1; }))
      << pair.a.events.all();
  EXPECT_FALSE(pair.a.events.has("gone"));
}

// Design R2: a peer that does not answer is declared lagging and holds nobody up.
TEST(Replicated, LeavesOutAPeerThatLags) {
  NodeOptions a = quick("a"), b = quick("b");
  a.silence_max = b.silence_max = 60s;
  a.forget_after = b.forget_after = 120s;
  GatedPair pair(a, b);
  ASSERT_TRUE(pair.join());
  pair.stall();
  const auto written = std::chrono::steady_clock::now();
  auto position = pair.a.texts->put({"k", ""}, "text").value();
  EXPECT_TRUE(pair.a.texts->wait_replicated(position, in(10s)));
  EXPECT_TRUE(pair.a.events.has("lagging b"));
  EXPECT_EQ(pair.b.texts->size(), 0u);
  const auto lag_age = [&] { return pair.a.peer("b").tables.at(0).lag_age; };
  EXPECT_TRUE(eventually(5s, [&] { return lag_age() >= a.lag_max; }));
  const auto seen = lag_age();
  EXPECT_LE(seen, std::chrono::steady_clock::now() - written);
  pair.open();
  EXPECT_TRUE(eventually(5s, [&] { return pair.a.events.has("caught up b"); }));
  EXPECT_TRUE(eventually(5s, [&] { return lag_age() == 0ms; }));
  EXPECT_EQ(pair.b.texts->size(), 1u);
}

// Each wait has its own deadline, and ends in the order of the log.
TEST(Replicated, WaitsEndInTheirOrderAndByTheirOwnDeadlines) {
  NodeOptions a = quick("a"), b = quick("b");
  a.silence_max = b.silence_max = a.lag_max = b.lag_max = 60s;
  a.forget_after = b.forget_after = 120s;
  GatedPair pair(a, b);
  ASSERT_TRUE(pair.join());
  pair.stall();
  Guarded<std::vector<std::string>> ended;
  const auto wait = [&](const std::string& name, std::chrono::milliseconds limit) {
    const auto position = pair.a.texts->put({name, ""}, "text").value();
    pair.a.texts->when_replicated(position, in(limit), [&, name](boost::system::error_code error) {
      ended.with([&](auto& all) { all.push_back(name + ": " + error.message()); });
    });
  };
  wait("first", 60s);
  wait("short", 20ms);
  wait("last", 60s);
  const std::string late = "short: " + make_error_code(Errc::deadline_passed).message();
  EXPECT_TRUE(eventually(5s, [&] { return ended.copy() == std::vector{late}; }));
  pair.open();
  const std::string good = boost::system::error_code().message();
  EXPECT_TRUE(eventually(5s, [&] {
    return ended.copy() == std::vector{late, "first: " + good, "last: " + good};
  })) << pair.a.events.all();
}

TEST(SlowNetwork, InSlicesStillJoins) {
  GatedPair pair;
  pair.to_a->slice(7);
  pair.to_b->slice(7);
  pair.to_a->delay(2ms);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(pair.a.texts->put({std::to_string(i), ""}, "text"));
  EXPECT_TRUE(pair.join()) << pair.a.events.all();
  EXPECT_TRUE(eventually(5s, [&] { return pair.equal(); }));
}

// hardening K1
TEST(Stranger, WithoutTheSecretIsRefusedAndReportedOnce) {
  NodeOptions wrong = quick("b");
  wrong.secret = "another secret";
  TestNode a("a"), b(wrong);
  a.start();
  b.start();
  introduce({&a, &b});
  ASSERT_TRUE(eventually(5s, [&] { return a.node->refusals().bad_proof >= 3; }));
  EXPECT_EQ(b.peer("a").state, PeerState::refused);
  EXPECT_EQ(b.peer("a").last_error, Errc::bad_proof);
  EXPECT_LE(a.events.count("refused: the peer does not know the cluster's secret"), 2u)
      << a.events.all();
  EXPECT_FALSE(a.events.has("connected"));
  EXPECT_FALSE(b.events.has("connected"));
  // Design G4: each knows that the other lives, and that it is not joined with it.
  EXPECT_FALSE(b.node->joined());
}

// Design G4: a stranger on the list does not keep the cluster's own nodes from being joined.
TEST(Stranger, KeepsNobodyElseFromJoining) {
  NodeOptions wrong = quick("c");
  wrong.secret = "another secret";
  TestNode a("a"), b("b"), c(wrong);
  for (TestNode* node : {&a, &b, &c}) node->start();
  introduce({&a, &b, &c});
  EXPECT_TRUE(eventually(5s, [&] { return a.node->joined() && b.node->joined(); }));
  EXPECT_TRUE(eventually(5s, [&] { return c.node->refusals().bad_proof >= 2; }));
  EXPECT_FALSE(c.node->joined());
}

// hardening K1
TEST(Stranger, OfAnotherClusterIsRefused) {
  NodeOptions other = quick("b");
  other.cluster = "another";
  TestNode a("a"), b(other);
  a.start();
  b.start();
  introduce({&a, &b});
  EXPECT_TRUE(eventually(5s, [&] { return a.node->refusals().other_cluster >= 1; }));
  EXPECT_TRUE(
      eventually(5s, [&] { return b.events.has("refused: the peer belongs to another cluster"); }));
  EXPECT_FALSE(a.events.has("connected"));
}

// Design R10
TEST(Stranger, OfAnotherProtocolIsRefused) {
  NodeOptions newer = quick("b");
  newer.protocol = {2, 3};
  TestNode a("a"), b(newer);
  a.start();
  b.start();
  introduce({&a, &b});
  EXPECT_TRUE(eventually(5s, [&] { return a.node->refusals().protocol_mismatch >= 1; }));
  EXPECT_FALSE(a.events.has("connected"));
}

// hardening K1: every byte of both hellos is covered.
TEST(Hello, WithAnyByteFlippedIsRefused) {
  constexpr std::size_t hello_bytes = 5 + 4 + 1 + 2 + 2 + 2 + 8 + 32 + 5 + 2 + 1;  // At least.
  NodeOptions options = quick("a");
  options.hello_max = 100ms;  // A length that grew waits for bytes that never come.
  for (bool from_client : {true, false}) {
    // A dialler also names whom it wants.
    for (std::size_t flipped = 0; flipped < hello_bytes + from_client; ++flipped) {
      TestNode a(options);
      a.start();
      TestNode b([&] {
        NodeOptions other = quick("b");
        other.hello_max = 100ms;
        return other;
      }());
      b.start();
      TcpGate gate(a.node->listen_port());
      gate.tamper([&](bool client, std::size_t offset, std::string& bytes) {
        if (client != from_client || flipped < offset || flipped >= offset + bytes.size()) return;
        bytes[flipped - offset] ^= 1;
      });
      b.node->set_peers({{"a", "127.0.0.1", gate.port()}});
      ASSERT_TRUE(eventually(5s, [&] { return b.peer("a").last_error.failed(); })) << flipped;
      EXPECT_FALSE(a.events.has("connected")) << flipped << " " << from_client;
      EXPECT_FALSE(b.events.has("connected")) << flipped << " " << from_client;
    }
  }
}

// hardening K1: what a node once said proves nothing to it or to others later.
TEST(Hello, ReplayedIsRefused) {
  TestNode a("a"), b("b");
  a.start();
  b.start();
  Guarded<std::string> said;
  TcpGate gate(a.node->listen_port());
  gate.tamper([&](bool client, std::size_t, std::string& bytes) {
    if (client) said.with([&](std::string& all) { all += bytes; });
  });
  b.node->set_peers({{"a", "127.0.0.1", gate.port()}});
  ASSERT_TRUE(eventually(5s, [&] { return b.ready("a"); }));
  b.kill();
  ASSERT_TRUE(eventually(5s, [&] { return a.events.has("gone b"); }));
  RawPeer replayer(a.node->listen_port());
  replayer.send(said.copy());
  std::string answer = replayer.read_to_end();
  EXPECT_TRUE(answer.ends_with(refuse_frame(Errc::bad_proof)));
  EXPECT_TRUE(eventually(5s, [&] { return a.node->refusals().bad_proof == 1; }));
  EXPECT_EQ(a.events.count("connected"), 1u);
}

// hardening K1: a node's own hello, sent back to it.
TEST(Hello, ReflectedIsRefused) {
  TestNode a("a"), b("b");
  a.start();
  b.start();
  std::string hello;
  TcpGate gate(a.node->listen_port());
  gate.tamper([&](bool client, std::size_t, std::string& bytes) {
    if (client && hello.empty()) hello = bytes;
    if (!client) bytes = hello;
  });
  b.node->set_peers({{"a", "127.0.0.1", gate.port()}});
  EXPECT_TRUE(eventually(5s, [&] { return b.peer("a").last_error == Errc::bad_frame; }));
  EXPECT_FALSE(b.events.has("connected"));
}

// hardening K3
TEST(Frame, OverTheLimitClosesTheLinkBeforeItIsRead) {
  TestNode a("a");
  a.start();
  RawPeer raw(a.node->listen_port());
  raw.send("\xff\xff\xff\xff\x01");
  raw.read_to_end();
  EXPECT_TRUE(eventually(5s, [&] { return a.node->refusals().bad_frame == 1; }));
}

// hardening K7: the port meets other protocols' bytes.
TEST(Frame, OfAnotherProtocolIsRefused) {
  TestNode a("a");
  a.start();
  for (std::string bytes : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("\x16\x03\x01\x02"),
                            std::string("PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n")}) {
    RawPeer raw(a.node->listen_port());
    raw.send(bytes);
    raw.read_to_end();
  }
  EXPECT_TRUE(eventually(
      5s, [&] { return a.node->refusals().bad_frame == 2 && a.node->refusals().tls == 1; }));
}

// hardening K7: rows only suggest; a real peer among many forged ones is found all the same.
TEST(ForgedRows, DelayNobody) {
  TestNode a("a"), b("b");
  a.start();
  b.start();
  std::vector<PeerAddress> rows;
  for (int i = 0; i < 10'000; ++i) rows.push_back({"forged" + std::to_string(i), "127.0.0.1", 1});
  rows.insert(rows.begin() + 5'000, b.address());
  a.node->set_peers(rows);
  EXPECT_TRUE(eventually(10s, [&] { return b.ready("a"); }));
  auto position = a.texts->put({"k", ""}, "text").value();
  EXPECT_TRUE(a.texts->wait_replicated(position, in(5s)));
}

// hardening, limits: a hello in 5 s (here 0.5).
TEST(Hello, ThatNeverComesIsNotWaitedFor) {
  TestNode a("a");
  a.start();
  RawPeer raw(a.node->listen_port());
  EXPECT_EQ(raw.read_to_end(), "");
  EXPECT_TRUE(eventually(5s, [&] { return a.node->refusals().hello_timeout == 1; }));
}

}  // namespace
}  // namespace replication
