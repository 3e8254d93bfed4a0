#include "server/stream/client_stream.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/server/stream/client_stream_fixture.h"

namespace server {
namespace {

// RFC 6120 §5.3.1
TEST_F(ClientStreamTest, OffersAndTakesNothingButStarttlsWhereTlsIsRequired) {
  config_.c2s.tls_required = true;
  Peer peer = connect();
  peer.open();
  const std::string features = peer.hear("</stream:features>");
  EXPECT_NE(features.find("<required/>"), std::string::npos) << features;
  EXPECT_EQ(features.find("<mechanisms"), std::string::npos) << features;
  peer.send(plain("juliet", "r0m30"));
  peer.hear("<encryption-required/></failure>");
  EXPECT_EQ(hashed_, 0) << "a password in clear was looked at";
  peer.send("<message to='romeo@localhost'/>");
  EXPECT_NE(peer.hear("</stream:stream>").find("<not-authorized"), std::string::npos);
}

TEST_F(ClientStreamTest, LogsInOverStarttls) {
  config_.c2s.tls_required = true;
  Peer peer = connect();
  peer.open();
  peer.hear("</stream:features>");
  peer.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  peer.hear("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  peer.begin_tls();
  log_in_and_bind(peer);
  EXPECT_TRUE(streams_.front()->is_bound());
}

// Hardening P6: what is behind <starttls/> in the same write is never answered.
TEST_F(ClientStreamTest, EndsAConnectionThatSpeaksBetweenStarttlsAndTls) {
  Peer peer = connect();
  peer.open();
  peer.hear("</stream:features>");
  peer.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" + plain("juliet", "r0m30"));
  const std::string answer = peer.hear_all();
  EXPECT_EQ(answer.find("<success"), std::string::npos) << answer;
  EXPECT_EQ(ended_, 1);
  EXPECT_EQ(hashed_, 0);
}

TEST_F(ClientStreamTest, LogsInOverDirectTls) {
  Peer peer = connect(ClientStream::Transport::direct_tls);
  peer.open();
  const std::string features = peer.hear("</stream:features>");
  EXPECT_EQ(features.find("<starttls"), std::string::npos) << features;
  EXPECT_NE(features.find("SCRAM-SHA-256-PLUS"), std::string::npos) << features;
  peer.send(plain("juliet", "r0m30"));
  peer.hear("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'></success>");
  peer.open();
  peer.hear("</stream:features>");
  peer.send(bind_balcony);
  peer.hear("<jid>juliet@localhost/balcony</jid></bind></iq>");
}

// Hardening P8.
TEST_F(ClientStreamTest, EndsAStreamThatSendsAStanzaBeforeItMay) {
  for (const bool has_logged_in : {false, true}) {
    Peer peer = connect();
    if (has_logged_in) {
      log_in(peer);
    } else {
      peer.open();
      peer.hear("</stream:features>");
    }
    peer.send("<message to='romeo@localhost'><body>soft</body></message>");
    peer.hear("<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
    peer.hear("</stream:stream>");
  }
}

// Hardening P14: same answer, same work.
TEST_F(ClientStreamTest, TreatsAnUnknownUserLikeAWrongPassword) {
  std::vector<std::string> answers;
  for (const char* user : {"juliet", "nobody"}) {
    const int before = hashed_;
    Peer peer = connect();
    peer.open();
    peer.hear("</stream:features>");
    peer.send(plain(user, "wrong"));
    answers.push_back(peer.hear("</failure>"));
    EXPECT_EQ(hashed_ - before, 1) << user;
  }
  EXPECT_EQ(answers[0], answers[1]);
  EXPECT_NE(answers[0].find("<not-authorized/>"), std::string::npos) << answers[0];
}

// Hardening P16: a database that is away is no wrong password.
// An account that came from elsewhere: its password is checked against the keys that it has.
TEST_F(ClientStreamTest, LogsAnAccountInThatHasKeysOfOneHashAlone) {
  Credentials sha1_only = credentials();
  sha1_only.sha256.reset();
  users_ = MemoryUsers({{"romeo", sha1_only}});
  Peer peer = connect();
  log_in(peer, "romeo");
}

TEST_F(ClientStreamTest, SaysSoWhenItCannotCheckALogin) {
  users_.is_away = true;
  Peer peer = connect();
  peer.open();
  peer.hear("</stream:features>");
  peer.send(plain("juliet", "r0m30"));
  peer.hear("<temporary-auth-failure/></failure>");
  users_.is_away = false;
  peer.send(plain("juliet", "r0m30"));
  peer.hear("<success");
}

// Hardening, Limits: an element before login; the same verdict at whatever size of writes.
TEST_F(ClientStreamTest, EndsAStreamWhoseElementIsTooBigBeforeLogin) {
  const auto limit = config_.limits.login_stanza_bytes_max;
  const std::string start = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>";
  for (const std::size_t slice : {std::size_t{100'000}, std::size_t{997}}) {
    Peer peer = connect();
    peer.open();
    peer.hear("</stream:features>");
    const std::string big = start + std::string(limit - start.size() + 1, 'A');
    for (std::size_t at = 0; at < big.size(); at += slice) {
      peer.send(big.substr(at, slice));
      loop().poll();
    }
    const std::string answer = peer.hear("</stream:stream>");
    EXPECT_NE(answer.find("<policy-violation"), std::string::npos) << answer;
    EXPECT_NE(answer.find("<stanza-too-big xmlns='urn:xmpp:errors'/>"), std::string::npos)
        << answer;
  }
}

TEST_F(ClientStreamTest, TakesABigStanzaAfterLogin) {
  Peer peer = connect();
  log_in_and_bind(peer);
  const std::string body(2 * config_.limits.login_stanza_bytes_max, 'a');
  peer.send("<message to='nobody@localhost' id='m'><body>" + body + "</body></message>");
  peer.hear("<service-unavailable");
  EXPECT_TRUE(streams_.front()->is_bound());
}

// RFC 6120 §6.4: one step at a time.
TEST_F(ClientStreamTest, EndsAStreamThatDoesNotWaitForItsLogin) {
  Peer peer = connect();
  peer.open();
  peer.hear("</stream:features>");
  peer.send(plain("juliet", "r0m30") + plain("juliet", "r0m30"));
  const std::string answer = peer.hear("</stream:stream>");
  EXPECT_NE(answer.find("<policy-violation"), std::string::npos) << answer;
  EXPECT_EQ(answer.find("<success"), std::string::npos) << answer;
}

// XEP-0198 §4, over the stream: what the client handled last is heard although we have closed.
TEST_F(ClientStreamTest, HearsTheLastAcknowledgementOfAClientThatItTellsToGo) {
  Peer peer = connect();
  log_in_and_bind(peer);
  peer.send("<enable xmlns='urn:xmpp:sm:3'/><presence/>");
  peer.hear("<enabled xmlns='urn:xmpp:sm:3'/>");
  peer.hear("<presence");
  peer.send("<message to='juliet@localhost/balcony' id='self'><body>to myself</body></message>");
  peer.hear("to myself");
  streams_.front()->close(xmpp::StreamErrorCondition::system_shutdown);
  const std::string farewell = peer.hear("</stream:stream>");
  EXPECT_NE(farewell.find("<a xmlns='urn:xmpp:sm:3' h='2'/>"), std::string::npos) << farewell;
  peer.send("<a xmlns='urn:xmpp:sm:3' h='2'/></stream:stream>");
  peer.hear_all();
  EXPECT_EQ(ended_, 1);
  EXPECT_EQ(services_.sessions, 0U);
  EXPECT_FALSE(directory_.find(*xmpp::Jid::parse("juliet@localhost/balcony")).has_value());
}

TEST_F(ClientStreamTest, GivesNoSessionWhileTheNodeTakesNone) {
  services_.accepts_sessions = false;
  Peer peer = connect();
  log_in(peer);
  peer.send(bind_balcony);
  EXPECT_NE(peer.hear("</stream:stream>").find("<system-shutdown"), std::string::npos);
  EXPECT_EQ(services_.sessions, 0U);
}

// Hardening P2: whatever phase a connection breaks in, its stream ends, once.
TEST_F(ClientStreamTest, EndsWithItsConnectionInEveryPhase) {
  {
    Peer silent = connect();
    Peer opened = connect();
    opened.open();
    opened.hear("</stream:features>");
    Peer checked = connect();
    checked.open();
    checked.hear("</stream:features>");
    checked.send(plain("juliet", "r0m30"));
    loop().poll();
    Peer logged_in = connect();
    log_in(logged_in);
    Peer bound = connect();
    log_in_and_bind(bound);
  }
  EXPECT_TRUE(tests::eventually(5s, [&] {
    loop().poll();
    return ended_ == 5;
  }));
  EXPECT_EQ(services_.sessions, 0U);
  EXPECT_EQ(directory_.size(), 0U);
}

}  // namespace
}  // namespace server
