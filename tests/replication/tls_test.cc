#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "tests/replication/tls_peers.h"
#include "tests/support/tcp_gate.h"

namespace replication {
namespace {

using tests::Authority;
using tests::TcpGate;

// Whether the text came by, however the pieces were cut.
class Sniffer {
 public:
  explicit Sniffer(TcpGate& gate) {
    gate.tamper([seen = seen_](bool client, std::size_t, std::string& bytes) {
      seen->with([&](auto& both) { both[client ? 0 : 1] += bytes; });
    });
  }

  bool saw(const std::string& text) const {
    return seen_->with([&](const auto& seen) {
      return std::any_of(seen.begin(), seen.end(), [&](const std::string& bytes) {
        return bytes.find(text) != std::string::npos;
      });
    });
  }

 private:
  using Seen = Guarded<std::array<std::string, 2>>;
  const std::shared_ptr<Seen> seen_ = std::make_shared<Seen>();  // The gate's thread has it too.
};

TEST(TlsLink, CarriesRecordsAndMessages) {
  Authority authority;
  TestNode a(quick_tls(authority, "a")), b(quick_tls(authority, "b"));
  Guarded<std::string> heard;
  b.node->on_message(
      [&](NodeRef, std::string_view text) { heard.with([&](std::string& all) { all += text; }); });
  ASSERT_TRUE(join({&a, &b}));
  EXPECT_TRUE(linked_by_tls(a, b));
  a.texts->put({"k", "1"}, "of a").value();
  b.texts->put({"k", "1"}, "of b").value();
  ASSERT_TRUE(a.node->send(a.ref(b), "hello").has_value());
  const std::map<std::string, std::string> both = {{"a", "of a"}, {"b", "of b"}};
  EXPECT_TRUE(eventually(5s, [&] { return a.at({"k", "1"}) == both && b.at({"k", "1"}) == both; }));
  EXPECT_TRUE(eventually(5s, [&] { return heard.copy() == "hello"; }));
  b.node->stop();
  EXPECT_TRUE(eventually(5s, [&] { return a.events.has("gone b: the peer left in order"); }));
  a.node->stop();
}

TEST(TlsLink, ShowsNothingOnTheWire) {
  for (const TlsMode mode : {TlsMode::required, TlsMode::off}) {
    Authority authority;
    TestNode a(quick_tls(authority, "alpha-node", mode));
    TestNode b(quick_tls(authority, "beta-node", mode));
    a.start();
    b.start();
    TcpGate gate(b.node->listen_port());
    Sniffer sniffer(gate);
    a.node->set_peers({{"beta-node", "127.0.0.1", gate.port()}});
    ASSERT_TRUE(eventually(5s, [&] { return linked(a, b); }));
    a.texts->put({"group-of-a", "member-of-a"}, "record of a").value();
    b.texts->put({"group-of-b", "member-of-b"}, "record of b").value();
    ASSERT_TRUE(a.node->send(a.ref(b), "a message").has_value());
    ASSERT_TRUE(eventually(5s, [&] {
      return !a.at({"group-of-b", "member-of-b"}).empty() &&
             !b.at({"group-of-a", "member-of-a"}).empty() &&
             a.peer("beta-node").backlog_messages == 0;
    }));
    for (const char* text : {"group-of-a", "member-of-b", "record of a", "record of b", "a message",
                             "alpha-node", "beta-node", "texts"}) {
      EXPECT_EQ(sniffer.saw(text), mode == TlsMode::off) << text;
    }
  }
}

TEST(TlsLink, SurvivesAnyCutOfTheBytes) {
  Authority authority;
  TestNode a(quick_tls(authority, "a")), b(quick_tls(authority, "b"));
  a.start();
  b.start();
  TcpGate gate(b.node->listen_port());
  for (int i = 0; i < 2000; ++i) {
    a.texts->put({"a", std::to_string(i)}, std::string(i % 300, 'a')).value();
    b.texts->put({"b", std::to_string(i)}, std::string(i % 300, 'b')).value();
  }
  gate.slice(1371);
  a.node->set_peers({{"b", "127.0.0.1", gate.port()}});
  ASSERT_TRUE(eventually(20s, [&] { return linked_by_tls(a, b); }));
  EXPECT_TRUE(eventually(20s, [&] { return same_records(a, b, {a.node->id(), b.node->id()}); }));
}

TEST(TlsLink, CarriesTheLargestRecordAndMuchAtOnce) {
  Authority authority;
  TestNode a(quick_tls(authority, "a")), b(quick_tls(authority, "b"));
  ASSERT_TRUE(join({&a, &b}));
  a.texts->put({"large", ""}, std::string(256 * 1024 - 64, 'x')).value();
  Position last = 0;
  for (int i = 0; i < 50'000; ++i) {
    last = a.texts->put({std::to_string(i), ""}, std::string(200, 'a')).value();
  }
  EXPECT_TRUE(a.texts->wait_replicated(last, in(20s)).has_value());
  EXPECT_TRUE(same_records(a, b, {a.node->id()}));
}

TEST(TlsLink, WithBytesChangedOnTheWayEndsAndComesBack) {
  Authority authority;
  TestNode a(quick_tls(authority, "a")), b(quick_tls(authority, "b"));
  a.start();
  b.start();
  std::atomic<bool> done = false;
  TcpGate gate(b.node->listen_port());
  a.node->set_peers({{"b", "127.0.0.1", gate.port()}});
  ASSERT_TRUE(eventually(5s, [&] { return linked(a, b); }));
  gate.tamper([&](bool client, std::size_t, std::string& bytes) {
    if (client && !done.exchange(true)) bytes.back() ^= 1;
  });
  a.texts->put({"k", "1"}, "text").value();
  EXPECT_TRUE(eventually(5s, [&] { return b.node->refusals().tls == 1; })) << b.events.all();
  EXPECT_TRUE(eventually(5s, [&] { return linked(a, b) && b.at({"k", "1"}).size() == 1; }));
}

// Both sides learn why, tell it once, and count each try.
TEST(TlsLink, RefusesACertificateOfAnotherAuthority) {
  Authority ours("ours"), theirs("theirs");
  TestNode a(quick_tls(ours, "a")), b(quick_tls(theirs, "b"));
  a.start();
  b.start();
  a.node->set_peers({b.address()});
  EXPECT_TRUE(
      eventually(5s, [&] { return a.node->refusals().tls >= 3 && b.node->refusals().tls >= 3; }));
  EXPECT_EQ(a.peer("b").last_error, Errc::untrusted_certificate);
  EXPECT_EQ(a.peer("b").state, PeerState::refused);
  EXPECT_EQ(a.events.count("refused: "), 1u) << a.events.all();
  EXPECT_EQ(b.events.all(), "refused: the peer refused this node's certificate\n");
}

// The acceptor judges after the dialler has, and its verdict still arrives.
TEST(TlsLink, IsToldWhenItsOwnCertificateIsRefused) {
  Authority ours("ours"), theirs("theirs");
  NodeOptions with_theirs = quick("a");
  const auto files = theirs.issue({"DNS:a"});
  with_theirs.tls = *LinkTls::load({.mode = TlsMode::required,
                                    .certificate = files.certificate,
                                    .key = files.key,
                                    .ca = ours.file()});
  TestNode a(with_theirs), b(quick_tls(ours, "b"));
  a.start();
  b.start();
  a.node->set_peers({b.address()});
  EXPECT_TRUE(
      eventually(5s, [&] { return a.node->refusals().tls >= 3 && b.node->refusals().tls >= 3; }));
  EXPECT_EQ(a.events.all(), "refused: the peer refused this node's certificate\n");
  EXPECT_EQ(b.events.all(), "refused: the peer's certificate is not from a trusted authority\n");
}

TEST(TlsLink, RefusesAnExpiredCertificate) {
  Authority authority;
  NodeOptions expired = quick("a");
  const auto files = authority.issue({"DNS:a"}, -60s);
  expired.tls = *LinkTls::load({.mode = TlsMode::required,
                                .certificate = files.certificate,
                                .key = files.key,
                                .ca = authority.file()});
  TestNode a(expired), b(quick_tls(authority, "b"));
  a.start();
  b.start();
  introduce({&a, &b});
  EXPECT_TRUE(eventually(5s,
                         [&] {
                           return b.peer("a").last_error == Errc::expired_certificate &&
                                  a.peer("b").last_error == Errc::certificate_refused;
                         }))
      << a.events.all() << b.events.all();
  EXPECT_FALSE(a.events.has("connected") || b.events.has("connected"));
}

TEST(TlsLink, RefusesACertificateOfAnotherName) {
  Authority authority;
  NodeOptions options = quick("a");
  options.tls = link_tls(authority, "c");
  TestNode a(options), b(quick_tls(authority, "b"));
  a.start();
  b.start();
  introduce({&a, &b});
  EXPECT_TRUE(eventually(5s,
                         [&] {
                           return a.peer("b").last_error == Errc::wrong_certificate &&
                                  b.peer("a").last_error == Errc::wrong_certificate;
                         }))
      << a.events.all() << b.events.all();
  EXPECT_GE(a.node->refusals().tls, 1u);
  EXPECT_FALSE(a.events.has("connected") || b.events.has("connected"));
}

TEST(TlsLink, TakesNamesByTheConfiguredForm) {
  Authority authority;
  const auto load = [&](const std::string& name) {
    const auto files = authority.issue({"DNS:" + name});
    return *LinkTls::load({.mode = TlsMode::required,
                           .certificate = files.certificate,
                           .key = files.key,
                           .ca = authority.file(),
                           .peer_name = "{node}.cluster.example"});
  };
  NodeOptions for_a = quick("a"), for_b = quick("b");
  for_a.tls = load("*.cluster.example");
  for_b.tls = load("b.cluster.example");
  TestNode a(for_a), b(for_b);
  ASSERT_TRUE(join({&a, &b}));
  EXPECT_TRUE(linked_by_tls(a, b));

  NodeOptions for_c = quick("c");
  for_c.tls = load("c.elsewhere.example");
  TestNode c(for_c);
  c.start();
  c.node->set_peers({a.address()});
  EXPECT_TRUE(eventually(5s, [&] { return c.peer("a").last_error == Errc::wrong_certificate; }));
}

// OpenSSL takes a name with a leading dot for a whole domain.
TEST(TlsLink, DoesNotTakeAnOddNameForMany) {
  Authority authority;
  for (const std::string name : {".example", "*.example", "*", ""}) {
    NodeOptions options = quick(name.empty() ? std::string(1, '\0') : name);
    options.tls = link_tls(authority, "a.example");
    TestNode odd(options), b(quick_tls(authority, "b"));
    odd.start();
    b.start();
    odd.node->set_peers({b.address()});
    EXPECT_TRUE(eventually(5s, [&] { return odd.peer("b").last_error == Errc::wrong_certificate; }))
        << name;
  }
}

TEST(TlsLink, NeedsACertificateOfTheDiallerToo) {
  Authority authority;
  TestNode b(quick_tls(authority, "b"));
  b.start();
  EXPECT_EQ(tls_client_without_certificate(b.node->listen_port()),
            SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED);
  EXPECT_TRUE(eventually(5s, [&] { return b.node->refusals().tls == 1; }));
  EXPECT_EQ(b.events.all(), "refused: the peer's certificate is not from a trusted authority\n");
}

TEST(TlsLink, NeedsTheSecretToo) {
  Authority authority;
  NodeOptions options = quick_tls(authority, "a");
  options.secret = "another secret";
  TestNode a(options), b(quick_tls(authority, "b"));
  a.start();
  b.start();
  a.node->set_peers({b.address()});
  EXPECT_TRUE(eventually(5s, [&] { return b.node->refusals().bad_proof >= 1; }));
  EXPECT_FALSE(a.events.has("connected") || b.events.has("connected"));
}

// A stolen certificate and a place on the way do not suffice: the proof of the secret is bound to
// the TLS connection that it is sent over.
TEST(TlsLink, IsNotOpenedByWhoEndsTlsInBetween) {
  Authority authority;
  TestNode a(quick_tls(authority, "a")), b(quick_tls(authority, "b"));
  a.start();
  b.start();
  TlsIntruder intruder(authority.issue({"DNS:a", "DNS:b"}), b.node->listen_port());
  a.node->set_peers({{"b", "127.0.0.1", intruder.port()}});
  EXPECT_TRUE(eventually(5s,
                         [&] {
                           return a.peer("b").last_error == Errc::bad_proof &&
                                  b.node->refusals().bad_proof >= 1;
                         }))
      << a.events.all() << b.events.all();
  EXPECT_GT(intruder.bytes_seen(), 100u);  // It was there, and read both hellos.
  EXPECT_FALSE(a.events.has("connected") || b.events.has("connected"));
}

}  // namespace
}  // namespace replication
