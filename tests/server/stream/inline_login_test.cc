// Logins in one round trip (XEP-0388, XEP-0386, XEP-0198 §12).

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/session/session_moves.h"
#include "server/stream/resource_grant.h"
#include "tests/server/stream/client_stream_fixture.h"
#include "tests/support/eventually.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/scram.h"

namespace server {
namespace {

constexpr const char* phone = "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>";
constexpr const char* bind = "<bind xmlns='urn:xmpp:bind:0'><tag>Phone</tag></bind>";
constexpr const char* bind_resumable =
    "<bind xmlns='urn:xmpp:bind:0'><tag>Phone</tag>"
    "<enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>";

std::string authenticate(const std::string& mechanism, const std::string& message,
                         const std::string& wishes = "") {
  return "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='" + mechanism + "'><initial-response>" +
         xmpp::base64_encode(message) + "</initial-response>" + wishes + "</authenticate>";
}

std::string by_password(const std::string& wishes = "", const std::string& password = "r0m30") {
  using std::string_literals::operator""s;
  return authenticate("PLAIN", "\0juliet\0"s + password, wishes);
}

/// What stands between two words of `text`; the last word may be missing.
std::string between(const std::string& text, const std::string& first, const std::string& last) {
  const auto begin = text.find(first);
  if (begin == std::string::npos) return "";
  const auto from = begin + first.size();
  return text.substr(from, text.find(last, from) - from);
}

std::string jid_in(const std::string& success) {
  return between(success, "<authorization-identifier>", "</authorization-identifier>");
}

class InlineLogin : public ClientStreamTest {
 protected:
  InlineLogin() {
    services_.session.resume_time = std::chrono::seconds(60);
    moves_ =
        std::make_unique<SessionMoves>(*loops_.front(), services_.session, [] { return true; });
    services_.moves = {moves_.get()};
    directory_.on_displaced([this](const SessionAddress& address) { router_.displace(address); });
    EXPECT_TRUE(node_.start());
    node_.set_peers({});
  }
  ~InlineLogin() override {
    for (auto& stream : streams_) stream->on_disconnected({});
    streams_.clear();
    moves_->stop();
    loop().poll();
    node_.stop();
  }

  Peer opened(const std::string& from = "") {
    Peer peer = connect();
    peer.open(from);
    peer.hear("</stream:features>");
    return peer;
  }

  std::unique_ptr<SessionMoves> moves_;
};

// XEP-0388 §2.1, XEP-0386 §3.1
TEST_F(InlineLogin, IsOfferedBesideTheOlderOne) {
  Peer peer = connect();
  peer.open();
  const std::string features = peer.hear("</stream:features>");
  const std::string old = between(features, "xmpp-sasl'>", "</mechanisms>");
  EXPECT_NE(old.find("<mechanism>SCRAM-SHA-256</mechanism>"), std::string::npos) << features;
  EXPECT_NE(features.find("<authentication xmlns='urn:xmpp:sasl:2'>" + old + "<inline>"),
            std::string::npos)
      << "the same mechanisms in " << features;
  for (const char* feature :
       {"<sm xmlns='urn:xmpp:sm:3'/>", "<bind xmlns='urn:xmpp:bind:0'><inline>",
        "<feature var='urn:xmpp:carbons:2'/>", "<feature var='urn:xmpp:csi:0'/>",
        "<feature var='urn:xmpp:sm:3'/>"}) {
    EXPECT_NE(features.find(feature), std::string::npos) << feature << " in " << features;
  }
}

// XEP-0388 §2.6.1: no new stream, and features at once.
TEST_F(InlineLogin, GoesOnInTheSameStreamWhereNothingMoreIsAskedFor) {
  Peer peer = opened();
  peer.send(by_password());
  EXPECT_EQ(peer.hear("</success>"),
            "<success xmlns='urn:xmpp:sasl:2'>"
            "<authorization-identifier>juliet@localhost</authorization-identifier></success>");
  const std::string features = peer.hear("</stream:features>");
  EXPECT_TRUE(features.starts_with("<stream:features><bind ")) << features;
  peer.send(bind_balcony);
  peer.hear("<jid>juliet@localhost/balcony</jid></bind></iq>");
}

// RFC 5802 by XEP-0388 §2.5, with channel binding (XEP-0440), and the server's last word.
TEST_F(InlineLogin, TakesScramBoundToItsConnection) {
  Peer peer = connect(ClientStream::Transport::direct_tls);
  peer.open("juliet@localhost");
  peer.hear("</stream:features>");
  xmpp::ScramClient client({.mechanism = xmpp::Mechanism::scram_sha_256_plus,
                            .username = "juliet",
                            .password = xmpp::Secret("r0m30"),
                            .binding = *xmpp::tls_exporter_binding(peer.ssl())});
  peer.send(authenticate("SCRAM-SHA-256-PLUS", client.first(), bind));
  const std::string challenge =
      between(peer.hear("</challenge>"), "<challenge xmlns='urn:xmpp:sasl:2'>", "</challenge>");
  const auto answer = client.respond(*xmpp::base64_decode(challenge));
  ASSERT_TRUE(answer);
  peer.send("<response xmlns='urn:xmpp:sasl:2'>" + xmpp::base64_encode(*answer) + "</response>");
  const std::string success = peer.hear("</success>");
  const std::string proof = between(success, "<additional-data>", "</additional-data>");
  EXPECT_TRUE(client.verify(*xmpp::base64_decode(proof))) << success;
  EXPECT_NE(success.find("<bound xmlns='urn:xmpp:bind:0'></bound>"), std::string::npos) << success;
  EXPECT_TRUE(streams_.front()->is_bound());
}

// XEP-0386 §3.2
TEST_F(InlineLogin, BindsWithAllThatTheClientWantsToBegin) {
  Peer peer = opened();
  peer.send(by_password(std::string(phone) +
                        "<bind xmlns='urn:xmpp:bind:0'><tag>Phone</tag>"
                        "<enable xmlns='urn:xmpp:carbons:2'/><enable xmlns='urn:xmpp:sm:3' "
                        "resume='true'/><inactive xmlns='urn:xmpp:csi:0'/></bind>"));
  const std::string success = peer.hear("</success>");
  const auto jid = xmpp::Jid::parse(jid_in(success));
  ASSERT_TRUE(jid) << success;
  EXPECT_TRUE(jid->resource().starts_with("Phone/")) << success;
  EXPECT_EQ(success.find("d4565fa7"), std::string::npos) << "the client's id is its own";
  EXPECT_NE(success.find("<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='"),
            std::string::npos)
      << success;
  const std::string features = peer.hear("</stream:features>");
  EXPECT_EQ(features.find("<bind"), std::string::npos) << "it is bound: " << features;
  EXPECT_EQ(features.find("<sm"), std::string::npos) << "it has acks: " << features;
  const auto entry = directory_.find(*jid);
  ASSERT_TRUE(entry);
  EXPECT_TRUE(entry->record.wants_carbons);
  // Inactive: presence waits, a message brings it along.
  peer.send("<presence/><message to='" + std::string(jid->str()) +
            "' type='chat'><body>wake up</body></message>");
  const std::string heard = peer.hear("</message>");
  EXPECT_LT(heard.find("<presence"), heard.find("<message")) << heard;
  EXPECT_EQ(services_.sessions, 1U);
}

// XEP-0386 §3.2.1, and the rule that a client has one session.
TEST_F(InlineLogin, GivesAClientItsResourceAgainAndEndsTheSessionThatHadIt) {
  Peer first = opened();
  first.send(by_password(std::string(phone) + bind));
  const std::string jid = jid_in(first.hear("</success>"));
  Peer other = opened();
  other.send(
      by_password("<user-agent id='00000000-4d72-4749-b3d3-740edbf87770'/>" + std::string(bind)));
  EXPECT_NE(jid_in(other.hear("</success>")), jid);
  Peer unnamed = opened();
  unnamed.send(by_password(bind));
  EXPECT_NE(jid_in(unnamed.hear("</success>")), jid);

  Peer again = opened();
  again.send(by_password(std::string(phone) + bind));
  EXPECT_EQ(jid_in(again.hear("</success>")), jid);
  EXPECT_NE(first.hear("</stream:stream>").find("<conflict"), std::string::npos);
  EXPECT_NE(made_resource("", "client", "juliet@localhost"),
            made_resource("", "client", "romeo@localhost"))
      << "who knows both does not see that they share a client";
}

TEST_F(InlineLogin, BindsUnderAnotherNameWhereTheClientsIsNoPartOfAJid) {
  for (const std::string& tag : {std::string(1'100, 'x'), std::string("&#xfffe;")}) {
    Peer peer = connect();
    peer.open();
    peer.hear("</stream:features>");
    peer.send(by_password("<bind xmlns='urn:xmpp:bind:0'><tag>" + tag + "</tag></bind>"));
    if (tag.starts_with('&')) {
      peer.hear("<not-well-formed");  // No XML character: the parser is before us.
      continue;
    }
    const auto jid = xmpp::Jid::parse(jid_in(peer.hear("</success>")));
    ASSERT_TRUE(jid);
    EXPECT_EQ(jid->resource().find('/'), std::string::npos);
  }
}

// Hardening, Limits: the login is good, and the account has sessions enough.
TEST_F(InlineLogin, LogsInWithoutASessionWhereTheAccountHasTooMany) {
  config_.limits.resources_max = 1;
  Peer first = opened();
  first.send(by_password(bind));
  first.hear("</success>");
  Peer second = opened();
  second.send(by_password(bind));
  const std::string success = second.hear("</success>");
  EXPECT_EQ(jid_in(success), "juliet@localhost");
  EXPECT_EQ(success.find("<bound"), std::string::npos) << success;
  EXPECT_NE(second.hear("</stream:features>").find("<bind "), std::string::npos);
  second.send(bind_balcony);
  second.hear("<resource-constraint");
}

TEST_F(InlineLogin, GivesNoSessionWhileTheNodeTakesNone) {
  services_.accepts_sessions = false;
  Peer peer = opened();
  peer.send(by_password(bind));
  const std::string answer = peer.hear("</stream:stream>");
  EXPECT_NE(answer.find("<system-shutdown"), std::string::npos) << answer;
  EXPECT_EQ(answer.find("<success"), std::string::npos) << answer;
  EXPECT_EQ(services_.sessions, 0U);
}

// XEP-0198 §12.2: the former session goes on, nothing is bound, no features come.
TEST_F(InlineLogin, TakesUpTheFormerSessionInsteadOfBinding) {
  std::string id;
  std::string jid;
  {
    Peer peer = opened();
    peer.send(by_password(std::string(phone) + bind_resumable));
    const std::string success = peer.hear("</success>");
    jid = jid_in(success);
    id = between(success, " id='", "'");
    ASSERT_NE(id, "") << success;
    peer.send("<presence/>");
    peer.hear("<presence");
  }
  EXPECT_TRUE(tests::eventually(std::chrono::seconds(5), [&] {
    loop().poll();
    return ended_ == 1;
  }));
  Peer peer = opened("juliet@localhost");
  peer.send(by_password(std::string(phone) + "<resume xmlns='urn:xmpp:sm:3' h='0' previd='" + id +
                        "'/>" + bind_resumable));
  const std::string success = peer.hear("</success>");
  EXPECT_EQ(jid_in(success), jid);
  EXPECT_NE(success.find("<resumed xmlns='urn:xmpp:sm:3' previd='" + id + "' h='1'/>"),
            std::string::npos)
      << success;
  EXPECT_EQ(success.find("<bound"), std::string::npos) << success;
  // What its client had not acknowledged comes next, at once.
  const std::string next = peer.hear("/>");
  EXPECT_TRUE(next.starts_with("<presence")) << next;
  EXPECT_EQ(services_.sessions, 1U);
}

// XEP-0198 §12.2.1
TEST_F(InlineLogin, BindsWhereTheFormerSessionIsGone) {
  for (const char* resume : {"<resume xmlns='urn:xmpp:sm:3' h='0' previd='unknown'/>",
                             "<resume xmlns='urn:xmpp:sm:3' h='many' previd='unknown'/>"}) {
    Peer peer = opened();
    peer.send(by_password(std::string(phone) + resume + bind_resumable));
    const std::string success = peer.hear("</success>");
    EXPECT_NE(success.find("<failed xmlns='urn:xmpp:sm:3'><"), std::string::npos) << success;
    EXPECT_LT(success.find("<failed"), success.find("<bound ")) << success;
    EXPECT_NE(success.find("<enabled "), std::string::npos) << success;
    peer.hear("</stream:features>");
  }
  // Without a wish to bind the client may still do so.
  Peer peer = opened();
  peer.send(by_password("<resume xmlns='urn:xmpp:sm:3' h='0' previd='unknown'/>"));
  EXPECT_EQ(jid_in(peer.hear("</success>")), "juliet@localhost");
  peer.hear("</stream:features>");
  peer.send(bind_balcony);
  peer.hear("<jid>juliet@localhost/balcony</jid></bind></iq>");
}

// XEP-0388 §2.6.2: nothing that was asked for is done.
TEST_F(InlineLogin, DoesNothingOnAFailureAndTheNextTryBeginsAnew) {
  Peer peer = opened();
  peer.send(by_password(bind, "wrong"));
  EXPECT_EQ(peer.hear("</failure>"),
            "<failure xmlns='urn:xmpp:sasl:2'>"
            "<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>");
  EXPECT_EQ(directory_.size(), 0U);
  peer.send(by_password());
  EXPECT_EQ(jid_in(peer.hear("</success>")), "juliet@localhost");
  EXPECT_EQ(directory_.size(), 0U) << "the wish of the failed try";
}

// Hardening, Limits: three tries, in whatever form.
TEST_F(InlineLogin, SharesTheNumberOfTriesWithTheOlderForm) {
  Peer peer = opened();
  peer.send(by_password("", "wrong"));
  peer.hear("</failure>");
  peer.send(plain("juliet", "wrong"));
  peer.hear("</failure>");
  peer.send(by_password(std::string(bind) + bind));
  const std::string answer = peer.hear("</stream:stream>");
  EXPECT_NE(answer.find("<malformed-request xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
            std::string::npos)
      << answer;
  EXPECT_NE(answer.find("<policy-violation"), std::string::npos) << answer;
}

// Hardening P10: state × element, for the newer form.
TEST_F(InlineLogin, RefusesWhatIsOutOfOrder) {
  const std::string begun = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'/>";
  struct Case {
    std::vector<std::string> said;
    const char* last;
  };
  const Case cases[] = {
      {{"<response xmlns='urn:xmpp:sasl:2'/>"}, "<malformed-request"},
      {{"<abort xmlns='urn:xmpp:sasl:2'/>"}, "<aborted"},
      {{begun, begun}, "<aborted"},
      {{begun, "<abort xmlns='urn:xmpp:sasl:2'/>"}, "<aborted"},
      {{begun, "<response xmlns='urn:xmpp:sasl:2'>?</response>"}, "<incorrect-encoding"},
      {{begun, "<response xmlns='urn:xmpp:sasl:2'>biws</response>"}, "<malformed-request"},
      {{"<authenticate xmlns='urn:xmpp:sasl:2'/>"}, "<invalid-mechanism"},
      {{"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='plain'/>"}, "<invalid-mechanism"},
      {{"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256-PLUS'/>"},
       "<invalid-mechanism"},
      {{authenticate("PLAIN", std::string(6'200, 'x'))}, "<malformed-request"},
  };
  for (const Case& one : cases) {
    Peer peer = opened();
    std::string answer;
    for (std::size_t i = 0; i < one.said.size(); ++i) {
      peer.send(one.said[i]);
      answer = peer.hear(i + 1 == one.said.size() ? "</failure>" : "</challenge>");
    }
    EXPECT_NE(answer.find(one.last), std::string::npos) << one.said.back() << " got " << answer;
    peer.send(by_password());
    peer.hear("</success>");
  }
}

// XEP-0388 §2.4: nothing else inside an exchange, not a step of the older form either.
TEST_F(InlineLogin, EndsAStreamThatSpeaksOfOtherThingsInsideAnExchange) {
  for (const char* element :
       {"<message to='romeo@localhost'/>", "<presence/>", "<starttls xmlns='urn:x'/>",
        "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>biws</response>",
        "<next xmlns='urn:xmpp:sasl:2' task='x'/>"}) {
    Peer peer = opened();
    peer.send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'/>");
    peer.hear("</challenge>");
    peer.send(element);
    const std::string answer = peer.hear("</stream:stream>");
    EXPECT_NE(answer.find("<policy-violation"), std::string::npos) << element << ": " << answer;
  }
  // And the other way round.
  Peer peer = opened();
  peer.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'/>");
  peer.hear("</challenge>");
  peer.send("<response xmlns='urn:xmpp:sasl:2'>biws</response>");
  peer.hear("<malformed-request");
}

// XEP-0388 §2.3
TEST_F(InlineLogin, LogsNobodyInButWhomTheStreamIsFrom) {
  for (const char* from : {"romeo@localhost", "juliet@elsewhere.org", "localhost"}) {
    Peer peer = opened(from);
    peer.send(by_password(bind));
    EXPECT_NE(peer.hear("</failure>").find("<invalid-authzid"), std::string::npos) << from;
  }
  Peer peer = opened("Juliet@LOCALHOST/anything");
  peer.send(by_password(bind));
  peer.hear("</success>");
}

// A client that has the features from before sends all at once.
TEST_F(InlineLogin, IsDoneInOneRoundTrip) {
  Peer peer = connect();
  peer.send(
      "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
      "xmlns:stream='http://etherx.jabber.org/streams'>" +
      by_password(std::string(phone) + bind_resumable));
  peer.hear("<enabled ");
  peer.hear("</success>");
  peer.hear("</stream:features>");
}

// RFC 6120 §6.5.4
TEST_F(InlineLogin, IsNotLookedAtInClearWhereTlsIsRequired) {
  config_.c2s.tls_required = true;
  Peer peer = connect();
  peer.open();
  EXPECT_EQ(peer.hear("</stream:features>").find("sasl:2"), std::string::npos);
  peer.send(by_password(bind));
  EXPECT_EQ(peer.hear("</failure>"),
            "<failure xmlns='urn:xmpp:sasl:2'>"
            "<encryption-required xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>");
  EXPECT_EQ(hashed_, 0);
}

}  // namespace
}  // namespace server
