#include "replication/hello.h"

#include <gtest/gtest.h>

namespace replication {
namespace {

struct Pair {
  Pair() = default;
  Pair(Handshake::Local a, Handshake::Local b) : dialler_local(a), acceptor_local(b) {}

  static Handshake::Local local(Role role, const std::string& name) {
    return {.role = role,
            .id = {name, 7},
            .cluster = "test",
            .nonce = std::string(nonce_bytes, name.front()),
            .secret = "secret"};
  }

  // Passes frames between the two until both have finished; the errors they ended with.
  void run() {
    auto admit_all = [](const Hello&) { return boost::system::error_code(); };
    Handshake dialler(dialler_local, admit_all), acceptor(acceptor_local, admit_all);
    std::string to_acceptor = dialler.start();
    std::string to_dialler = acceptor.start();
    while (!to_acceptor.empty() || !to_dialler.empty()) {
      at_acceptor = pass(acceptor, to_acceptor, to_dialler, at_acceptor, acceptor_channel);
      at_dialler = pass(dialler, to_dialler, to_acceptor, at_dialler, dialler_channel);
    }
    protocol = dialler.protocol();
    dialler_peer = dialler.peer();
    acceptor_peer = acceptor.peer();
  }

  Handshake::Step pass(Handshake& to, std::string& bytes, std::string& answer, Handshake::Step last,
                       const Channel& channel) {
    FrameDecoder decoder(hello_bytes_max);
    decoder.feed(bytes);
    bytes.clear();
    for (;;) {
      auto frame = decoder.next();
      if (!frame || !*frame || last.error) return last;
      last = to.take(**frame, channel);
      answer += last.send;
    }
  }

  Handshake::Local dialler_local = local(Role::dialler, "a");
  Handshake::Local acceptor_local = local(Role::acceptor, "b");
  Channel dialler_channel, acceptor_channel;
  Handshake::Step at_dialler, at_acceptor;
  Hello dialler_peer, acceptor_peer;
  std::uint16_t protocol = 0;
};

TEST(Handshake, ProvesBothSides) {
  Pair pair;
  pair.dialler_local.wanted = "b";
  pair.run();
  EXPECT_TRUE(pair.at_dialler.proven);
  EXPECT_TRUE(pair.at_acceptor.proven);
  EXPECT_EQ(pair.dialler_peer.id, (NodeId{"b", 7}));
  EXPECT_EQ(pair.acceptor_peer.id, (NodeId{"a", 7}));
}

TEST(Handshake, AgreesOnTheHighestCommonProtocol) {
  Pair pair;
  pair.dialler_local.protocol_max = 5;
  pair.acceptor_local.protocol_min = 2;
  pair.acceptor_local.protocol_max = 3;
  pair.run();
  EXPECT_TRUE(pair.at_dialler.proven);
  EXPECT_EQ(pair.protocol, 3);
}

TEST(Handshake, TellsBothSidesWhyItFailed) {
  struct Case {
    const char* what;
    Errc reason;
    void (*spoil)(Pair&);
  };
  for (const Case& bad : {
           Case{"secret", Errc::bad_proof, [](Pair& p) { p.acceptor_local.secret = "other"; }},
           Case{"cluster", Errc::other_cluster, [](Pair& p) { p.acceptor_local.cluster = "x"; }},
           Case{"name", Errc::own_name, [](Pair& p) { p.acceptor_local.id.name = "a"; }},
           Case{"wanted", Errc::wrong_name, [](Pair& p) { p.dialler_local.wanted = "c"; }},
           Case{"protocol", Errc::protocol_mismatch,
                [](Pair& p) { p.dialler_local.protocol_min = p.dialler_local.protocol_max = 2; }},
       }) {
    Pair pair;
    bad.spoil(pair);
    pair.run();
    EXPECT_EQ(pair.at_dialler.error, bad.reason) << bad.what;
    EXPECT_EQ(pair.at_acceptor.error, bad.reason) << bad.what;
    EXPECT_FALSE(pair.at_dialler.proven || pair.at_acceptor.proven) << bad.what;
  }
}

TEST(Handshake, ProvesBothSidesOverOneChannel) {
  Pair pair;
  pair.dialler_channel.binding = pair.acceptor_channel.binding = "binding";
  pair.run();
  EXPECT_TRUE(pair.at_dialler.proven);
  EXPECT_TRUE(pair.at_acceptor.proven);
}

// Who ends TLS in between has two channels, and cannot hand the proof from one to the other.
TEST(Handshake, FailsOverTwoChannels) {
  for (const auto& [of_dialler, of_acceptor] :
       {std::pair<std::string, std::string>{"one", "other"}, {"one", ""}, {"", "other"}}) {
    Pair pair;
    pair.dialler_channel.binding = of_dialler;
    pair.acceptor_channel.binding = of_acceptor;
    pair.run();
    EXPECT_EQ(pair.at_acceptor.error, Errc::bad_proof);
    EXPECT_EQ(pair.at_dialler.error, Errc::bad_proof);
  }
}

TEST(Handshake, TakesOnlyANodeThatItsCertificateNames) {
  for (bool at_dialler : {true, false}) {
    Pair pair;
    (at_dialler ? pair.dialler_channel : pair.acceptor_channel).may_be =
        [&](std::string_view name) { return name != (at_dialler ? "b" : "a"); };
    pair.run();
    EXPECT_EQ(pair.at_dialler.error, Errc::wrong_certificate);
    EXPECT_EQ(pair.at_acceptor.error, Errc::wrong_certificate);
  }
}

// Somebody in between could answer the first words of TLS with a broken connection.
TEST(Handshake, IsNotInClearWhereBothSpeakTls) {
  Pair pair;
  pair.dialler_local.speaks_tls = pair.acceptor_local.speaks_tls = true;
  pair.run();
  EXPECT_EQ(pair.at_dialler.error, Errc::tls_required);
  EXPECT_EQ(pair.at_acceptor.error, Errc::tls_required);

  Pair mixed;
  mixed.dialler_local.speaks_tls = true;
  mixed.run();
  EXPECT_TRUE(mixed.at_dialler.proven);
}

TEST(Handshake, TakesNoOtherFrameBeforeTheProof) {
  for (int kind = 0; kind < 256; ++kind) {
    if (kind == 1 || kind == 3) continue;
    Handshake acceptor(Pair::local(Role::acceptor, "b"),
                       [](const Hello&) { return boost::system::error_code(); });
    auto step = acceptor.take({static_cast<FrameKind>(kind), "body"});
    EXPECT_EQ(step.error, Errc::bad_frame) << kind;
  }
}

TEST(Proof, DiffersByRoleSecretEachHelloAndChannel) {
  std::string proofs[] = {
      proof("s", Role::dialler, "a", "b"),     proof("s", Role::acceptor, "a", "b"),
      proof("t", Role::dialler, "a", "b"),     proof("s", Role::dialler, "b", "a"),
      proof("s", Role::dialler, "ab", ""),     proof("s", Role::dialler, "a", "b", "c"),
      proof("s", Role::dialler, "a", "b", "d")};
  for (int i = 0; i < 7; ++i) {
    for (int j = 0; j < i; ++j) EXPECT_NE(proofs[i], proofs[j]) << i << " " << j;
  }
}

// Design R10: a newer release may append fields.
TEST(Hello, MayBeLongerThanWeKnow) {
  Hello hello{.id = {"a", 1}, .nonce = std::string(nonce_bytes, 'n'), .cluster = "c"};
  auto read = decode_hello(encode(hello) + "more");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id.name, "a");
  const std::string whole = encode(hello);
  const std::size_t least = whole.size() - 1;  // Older releases do not say whether they speak TLS.
  for (std::size_t size = 0; size < least; ++size) {
    EXPECT_FALSE(decode_hello(whole.substr(0, size))) << size;
  }
}

TEST(Hello, OfAnOlderReleaseSpeaksNoTls) {
  Hello hello{.id = {"a", 1}, .nonce = std::string(nonce_bytes, 'n'), .cluster = "c"};
  hello.speaks_tls = true;
  const std::string whole = encode(hello);
  EXPECT_TRUE(decode_hello(whole)->speaks_tls);
  EXPECT_FALSE(decode_hello(whole.substr(0, whole.size() - 1))->speaks_tls);
}

TEST(Refusal, FromANewerPeerReadsAsUnknown) {
  EXPECT_EQ(decode_refusal(std::string("\0\2", 2)), Errc::bad_proof);
  EXPECT_EQ(decode_refusal(std::string("\0\14", 2)), Errc::tls_required);
  EXPECT_EQ(decode_refusal(std::string("\0\x63", 2)), Errc::unknown);
  EXPECT_EQ(decode_refusal(""), Errc::unknown);
}

}  // namespace
}  // namespace replication
