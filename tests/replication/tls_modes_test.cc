// What `off`, `optional` and `required` links do with each other, and certificates that change.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/replication/tls_peers.h"
#include "tests/support/tcp_gate.h"

namespace replication {
namespace {

using tests::Authority;
using tests::TcpGate;

// A relayed link is TLS from end to end, so its relay has nothing to read.
TEST(RequiredTls, GoesThroughARelay) {
  Authority authority;
  TestNode a(quick_tls(authority, "a")), b(quick_tls(authority, "b")), c(quick_tls(authority, "c"));
  for (TestNode* node : {&a, &b, &c}) node->start();
  TcpGate to_a(a.node->listen_port()), to_b(b.node->listen_port());
  to_a.cut();
  to_b.cut();
  a.node->set_peers({{"b", "127.0.0.1", to_b.port()}, c.address()});
  b.node->set_peers({{"a", "127.0.0.1", to_a.port()}, c.address()});
  c.node->set_peers({a.address(), b.address()});
  ASSERT_TRUE(eventually(10s, [&] { return linked_by_tls(a, b); }))
      << a.events.all() << b.events.all();
  EXPECT_EQ(a.peer("b").via, "c");
  const Position written = a.texts->put({"k", "1"}, "text").value();
  EXPECT_TRUE(a.texts->wait_replicated(written, in(5s)).has_value());
  EXPECT_EQ(b.at({"k", "1"}).size(), 1u);
}

TEST(RequiredTls, RefusesADiallerInClear) {
  Authority authority;
  TestNode a("a"), b(quick_tls(authority, "b"));
  a.start();
  b.start();
  a.node->set_peers({b.address()});
  EXPECT_TRUE(eventually(5s, [&] {
    return a.peer("b").last_error == Errc::tls_required && b.node->refusals().tls >= 2;
  }));
  EXPECT_EQ(a.peer("b").state, PeerState::refused);
  EXPECT_EQ(a.events.all(), "refused: the link must be TLS\n");
  EXPECT_EQ(b.events.all(), "refused: the link must be TLS\n");
}

TEST(RequiredTls, DoesNotDialInClear) {
  Authority authority;
  TestNode a(quick_tls(authority, "a")), b("b");
  a.start();
  b.start();
  a.node->set_peers({b.address()});
  EXPECT_TRUE(eventually(
      5s, [&] { return a.peer("b").last_error == Errc::no_tls && a.node->refusals().tls >= 2; }));
  EXPECT_EQ(a.events.all(), "refused: the peer does not speak TLS\n");
  EXPECT_EQ(b.events.all(), "refused: the peer does not speak TLS\n");
}

TEST(OptionalTls, LinksInClearWithWhoDoesNotSpeakItAndTellsSo) {
  Authority authority;
  for (const bool it_dials : {true, false}) {
    TestNode a(quick_tls(authority, "a", TlsMode::optional)), b("b");
    a.start();
    b.start();
    if (it_dials) {
      a.node->set_peers({b.address()});
    } else {
      b.node->set_peers({a.address()});
    }
    ASSERT_TRUE(eventually(5s, [&] { return linked(a, b); })) << a.events.all() << b.events.all();
    EXPECT_FALSE(a.peer("b").is_tls || b.peer("a").is_tls);
    EXPECT_TRUE(a.events.has("in clear b"));
    EXPECT_FALSE(b.events.has("in clear"));
    EXPECT_EQ(a.node->refusals().tls, 0u);
  }
}

// An older release takes the first bytes of TLS for a frame that is too long, and closes.
TEST(OptionalTls, TakesABrokenConnectionForNoTls) {
  Authority authority;
  TestNode a(quick_tls(authority, "a", TlsMode::optional)), b("b");
  a.start();
  b.start();
  TcpGate gate(b.node->listen_port());
  gate.tamper([](bool client, std::size_t offset, std::string& bytes) {
    if (client && offset == 0 && bytes.front() == 22) bytes[0] = '\xff';
  });
  a.node->set_peers({{"b", "127.0.0.1", gate.port()}});
  EXPECT_TRUE(eventually(5s, [&] { return linked(a, b); })) << a.events.all() << b.events.all();
  EXPECT_GE(b.node->refusals().bad_frame, 1u);
}

// Who breaks the first words of TLS does not talk two nodes that speak it out of it.
TEST(OptionalTls, IsNotTalkedOutOfIt) {
  Authority authority;
  TestNode a(quick_tls(authority, "a", TlsMode::optional));
  TestNode b(quick_tls(authority, "b", TlsMode::optional));
  a.start();
  b.start();
  std::atomic<bool> breaks = true;
  TcpGate gate(b.node->listen_port());
  gate.tamper([&](bool client, std::size_t offset, std::string& bytes) {
    if (breaks && client && offset == 0 && bytes.front() == 22) bytes[0] = '\xff';
  });
  a.node->set_peers({{"b", "127.0.0.1", gate.port()}});
  EXPECT_TRUE(eventually(5s, [&] { return a.peer("b").last_error == Errc::tls_required; }));
  EXPECT_TRUE(eventually(5s, [&] { return b.node->refusals().tls >= 1; }));
  EXPECT_FALSE(a.events.has("connected") || b.events.has("connected"));
  breaks = false;
  EXPECT_TRUE(eventually(5s, [&] { return linked_by_tls(a, b); }));
}

// Node by node from off over optional to required, as an upgrade does: nobody is ever left out.
TEST(OptionalTls, BringsARunningClusterToRequired) {
  Authority authority;
  const std::vector<std::string> names = {"a", "b", "c"};
  std::vector<std::unique_ptr<TestNode>> nodes;
  for (const auto& name : names) nodes.push_back(std::make_unique<TestNode>(name));
  const auto all = [&] {
    std::vector<TestNode*> all;
    for (const auto& node : nodes) all.push_back(node.get());
    return all;
  };
  ASSERT_TRUE(join(all()));
  const auto whole = [&] {
    const std::vector<NodeId> owners = {nodes[0]->node->id(), nodes[1]->node->id(),
                                        nodes[2]->node->id()};
    for (const auto& one : nodes) {
      for (const auto& other : nodes) {
        if (one == other) continue;
        if (!linked(*one, *other) || !same_records(*one, *other, owners)) return false;
      }
    }
    return true;
  };
  std::uint64_t life = 1;
  for (const TlsMode mode : {TlsMode::optional, TlsMode::required}) {
    ++life;
    for (std::size_t i = 0; i < names.size(); ++i) {
      nodes[i]->node->stop();
      nodes[i] = std::make_unique<TestNode>(quick_tls(authority, names[i], mode, life));
      nodes[i]->start();
      nodes[i]->texts->put({"life", names[i]}, std::to_string(life)).value();
      introduce(all());
      ASSERT_TRUE(eventually(10s, whole)) << names[i] << " " << life << nodes[i]->events.all();
    }
  }
  for (const auto& one : nodes) {
    for (const auto& other : nodes) EXPECT_TRUE(one == other || linked_by_tls(*one, *other));
    EXPECT_FALSE(one->events.has("refused")) << one->events.all();
  }
}

TEST(TlsReload, KeepsLinksAndIsUsedByTheNext) {
  Authority first("first"), second("second");
  TestNode a(quick_tls(first, "a")), b(quick_tls(first, "b"));
  a.start();
  b.start();
  TcpGate gate(b.node->listen_port());
  a.node->set_peers({{"b", "127.0.0.1", gate.port()}});
  ASSERT_TRUE(eventually(5s, [&] { return linked(a, b); }));
  a.node->use_tls(link_tls(second, "a"));
  b.node->use_tls(link_tls(second, "b"));
  const Position written = a.texts->put({"k", "1"}, "text").value();
  EXPECT_TRUE(a.texts->wait_replicated(written, in(5s)).has_value());

  TestNode c(quick_tls(second, "c")), d(quick_tls(first, "d"));
  c.start();
  d.start();
  c.node->set_peers({b.address()});
  d.node->set_peers({b.address()});
  EXPECT_TRUE(eventually(5s, [&] { return linked_by_tls(c, b); }));
  EXPECT_TRUE(
      eventually(5s, [&] { return d.peer("b").last_error == Errc::untrusted_certificate; }));
  EXPECT_EQ(a.events.count("connected b"), 1u);

  gate.cut();
  gate.open();
  EXPECT_TRUE(eventually(5s, [&] { return a.events.count("connected b") >= 2; }));
  EXPECT_TRUE(eventually(5s, [&] { return linked_by_tls(a, b); }));
}

TEST(TlsFiles, ThatDoNotDoAreNamed) {
  Authority authority;
  const auto a = authority.issue({"DNS:a"}), b = authority.issue({"DNS:b"});
  const auto why = [&](LinkTlsOptions options) {
    if (options.ca.empty()) options.ca = authority.file();
    auto made = LinkTls::load(options);
    return made ? std::string() : made.error();
  };
  EXPECT_EQ(why({.certificate = a.certificate, .key = a.key}), "");
  EXPECT_EQ(why({.certificate = a.certificate, .key = b.key}),
            "the key " + b.key + " does not belong to the certificate " + a.certificate);
  EXPECT_EQ(why({.certificate = a.certificate, .key = "/none"}).find("cannot read the key /none"),
            0u);
  EXPECT_EQ(why({.certificate = "/none", .key = a.key}).find("cannot read the certificate /none"),
            0u);
  EXPECT_EQ(why({.certificate = a.certificate, .key = a.key, .ca = a.key})
                .find("cannot read the authorities' certificates " + a.key),
            0u);
}

// hardening K3: who stays in the middle of the handshake holds a place for `hello_max` only.
TEST(TlsHandshake, ThatStopsHalfwayIsClosed) {
  Authority authority;
  TestNode a(quick_tls(authority, "a")), b(quick_tls(authority, "b"));
  a.start();
  b.start();
  TcpGate gate(b.node->listen_port());
  gate.tamper([](bool client, std::size_t offset, std::string& bytes) {
    if (client && offset == 0) bytes.resize(20);
  });
  a.node->set_peers({{"b", "127.0.0.1", gate.port()}});
  EXPECT_TRUE(eventually(5s, [&] { return b.node->refusals().hello_timeout >= 1; }));
  a.kill();  // In the middle of it: nothing leaks, nothing waits.
}

}  // namespace
}  // namespace replication
