// One meerkatd process, as its clients and its operator meet it.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/node_process.h"
#include "tests/support/xmpp_client.h"
#include "xmpp/namespaces.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

constexpr auto exit_limit = 20s;

std::unique_ptr<NodeProcess> ready_node(std::vector<std::string> flags = {}) {
  NodeProcessOptions options;
  options.flags = std::move(flags);
  auto node = std::make_unique<NodeProcess>(std::move(options));
  node->start();
  node->wait_until_ready();
  node->add_user("juliet@localhost", "juliet");
  node->add_user("romeo@localhost", "romeo");
  return node;
}

std::string message_of(std::size_t body_bytes) {
  return "<message to='juliet@localhost' id='long'><body>" + std::string(body_bytes, 'x') +
         "</body></message>";
}

// RFC 6120 §4.9.3.13
TEST(Node, EndsAStreamThatIsNoXml) {
  const auto node = ready_node();
  auto juliet = XmppClient::login(node->c2s_port(), "juliet@localhost/balcony", "juliet");
  juliet.send("<message><body>but soft</message>");
  EXPECT_EQ(juliet.receive_stream_error(), "not-well-formed");
}

// RFC 6120 §4.9.1.2: the answering header comes first even here.
TEST(Node, AnswersBytesOfAnotherProtocolWithAStreamError) {
  const auto node = ready_node();
  XmppClient stranger(node->c2s_port());
  stranger.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(stranger.receive_stream_error(), "not-well-formed");
}

// RFC 6120 §4.9.3.14; one byte less than the limit passes.
TEST(Node, EndsAStreamWhoseStanzaIsOverTheLimitAndTakesOneBelowIt) {
  const auto node = ready_node({"--limits-stanza-bytes-max=20000"});
  auto juliet = XmppClient::login(node->c2s_port(), "juliet@localhost/balcony", "juliet");
  const std::size_t markup = message_of(0).size();
  juliet.send(message_of(20'000 - markup));
  const auto echo = juliet.receive_message();
  ASSERT_TRUE(echo);
  EXPECT_EQ(echo->id(), "long");
  EXPECT_EQ(echo->root().child("body", xmpp::ns::client).text().size(), 20'000 - markup);
  juliet.send(message_of(20'001 - markup));
  EXPECT_EQ(juliet.receive_stream_error(), "policy-violation");
}

// Hardening P14: who asks must not learn which accounts there are.
TEST(Node, AnswersAWrongPasswordAndAnUnknownUserAlike) {
  const auto node = ready_node();
  XmppClient wrong(node->c2s_port());
  wrong.start_tls("localhost");
  const std::string of_wrong = wrong.authenticate("juliet", "not juliet");
  XmppClient unknown(node->c2s_port());
  unknown.start_tls("localhost");
  const std::string of_unknown = unknown.authenticate("nobody", "not juliet");
  EXPECT_EQ(of_wrong, "not-authorized");
  EXPECT_EQ(of_unknown, of_wrong);
}

// Hardening, Limits: three tries a stream.
TEST(Node, EndsAStreamAfterThreeWrongPasswords) {
  const auto node = ready_node();
  XmppClient wrong(node->c2s_port());
  wrong.start_tls("localhost");
  for (int attempt = 0; attempt < 3; ++attempt) {
    EXPECT_EQ(wrong.authenticate("juliet", "not juliet"), "not-authorized");
  }
  EXPECT_EQ(wrong.receive_stream_error(), "policy-violation");
}

// RFC 6120 §5.3.1: the node wants TLS before anything else.
TEST(Node, LetsNobodyLogInWithoutTls) {
  const auto node = ready_node();
  XmppClient juliet(node->c2s_port());
  const auto features = juliet.open_stream("localhost");
  EXPECT_FALSE(features.root().child("mechanisms", xmpp::ns::sasl));
  juliet.send(
      "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
      "mechanism='PLAIN'>AGp1bGlldABqdWxpZXQ=</auth>");
  const auto answer = juliet.receive();
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->root().child("encryption-required", xmpp::ns::sasl)) << answer->to_string();
}

// RFC 6120 §8.3.3.19
TEST(Node, BouncesAMessageToNobody) {
  const auto node = ready_node();
  auto juliet = XmppClient::login(node->c2s_port(), "juliet@localhost/balcony", "juliet");
  juliet.send("<message to='nobody@localhost' type='chat' id='m1'><body>hi</body></message>");
  const auto answer = juliet.receive_message();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->type(), "error");
  EXPECT_EQ(answer->id(), "m1");
}

// RFC 6120 §8.1.2.1: the sender is who logged in, whatever the client writes.
TEST(Node, StampsTheSendersJidAndEndsAStreamThatClaimsAnother) {
  const auto node = ready_node();
  auto juliet = XmppClient::login(node->c2s_port(), "juliet@localhost/balcony", "juliet");
  auto romeo = XmppClient::login(node->c2s_port(), "romeo@localhost/orchard", "romeo");
  romeo.send("<message to='juliet@localhost/balcony' id='m1'><body>hi</body></message>");
  const auto message = juliet.receive_message();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->from(), "romeo@localhost/orchard");
  romeo.send("<message from='paris@localhost' to='juliet@localhost/balcony' id='m2'/>");
  EXPECT_EQ(romeo.receive_stream_error(), "invalid-from");
  EXPECT_FALSE(juliet.receive_message(100ms));
}

// XEP-0198 §4: the node knows what the client has not said that it got.
TEST(Node, KeepsWhatALostConnectionHadNotAcknowledged) {
  const auto node = ready_node();
  auto juliet = XmppClient::login(node->c2s_port(), "juliet@localhost/balcony", "juliet");
  {
    auto romeo = XmppClient::login(node->c2s_port(), "romeo@localhost/orchard", "romeo");
    romeo.send("<enable xmlns='urn:xmpp:sm:3'/>");
    auto enabled = romeo.receive();
    while (enabled && enabled->kind() == xmpp::Stanza::Kind::presence) enabled = romeo.receive();
    ASSERT_TRUE(enabled && enabled->root().is("enabled", xmpp::ns::sm3));
    juliet.send(
        "<message to='romeo@localhost/orchard' type='chat' id='m1'><body>1</body></message>");
    const auto first = romeo.receive_message();
    ASSERT_TRUE(first);
    romeo.send("<a xmlns='urn:xmpp:sm:3' h='1'/>");
    juliet.send(
        "<message to='romeo@localhost/orchard' type='chat' id='m2'><body>2</body></message>");
    const auto second = romeo.receive_message();
    ASSERT_TRUE(second);
  }
  auto romeo = XmppClient::login(node->c2s_port(), "romeo@localhost/orchard", "romeo");
  const auto again = romeo.receive_message();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id(), "m2");
  EXPECT_FALSE(romeo.receive_message(100ms));  // The first one was acknowledged.
  EXPECT_FALSE(juliet.receive_message(100ms));
}

// Hardening E2: memory is bounded, and the sender is told.
TEST(Node, EndsASessionThatDoesNotReadAndBouncesWhatItDoesNotGet) {
  const auto node = ready_node({"--limits-send-queue-bytes-max=64KiB"});
  auto juliet = XmppClient::login(node->c2s_port(), "juliet@localhost/balcony", "juliet");
  auto romeo = XmppClient::login(node->c2s_port(), "romeo@localhost/orchard", "romeo");
  const std::string message = "<message to='romeo@localhost/orchard' type='chat' id='long'><body>" +
                              std::string(100'000, 'x') + "</body></message>";
  for (int sent = 0; sent < 300; ++sent) juliet.send(message);  // More than sockets hold.
  const auto bounced = juliet.receive_message();
  ASSERT_TRUE(bounced);
  EXPECT_EQ(bounced->type(), "error");
  EXPECT_TRUE(node->is_ready());
}

// RFC 6120 §7.6.2.1; hardening, Limits.
TEST(Node, RefusesOneResourceTooMany) {
  const auto node = ready_node({"--limits-resources-max=2"});
  auto first = XmppClient::login(node->c2s_port(), "juliet@localhost/1", "juliet");
  auto second = XmppClient::login(node->c2s_port(), "juliet@localhost/2", "juliet");
  XmppClient third(node->c2s_port());
  third.start_tls("localhost");
  ASSERT_EQ(third.authenticate("juliet", "juliet"), "");
  third.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
  const auto answer = third.receive();
  ASSERT_TRUE(answer);
  EXPECT_NE(answer->to_string().find("resource-constraint"), std::string::npos)
      << answer->to_string();
  // A place that is held already may be taken over.
  EXPECT_EQ(third.bind("2"), "juliet@localhost/2");
  EXPECT_EQ(second.receive_stream_error(), "conflict");
}

// Hardening P3
TEST(Node, EndsAConnectionThatDoesNotLogInInTime) {
  const auto node = ready_node({"--limits-login-timeout=200ms"});
  XmppClient slow(node->c2s_port());
  slow.start_tls("localhost");
  EXPECT_EQ(slow.receive_stream_error(), "connection-timeout");
}

// XEP-0199: a client that vanished without a word is found out.
TEST(Node, PingsASilentClientAndEndsItWhenItStaysSilent) {
  const auto node = ready_node({"--c2s-ping-interval=200ms", "--c2s-ping-timeout=200ms"});
  auto juliet = XmppClient::login(node->c2s_port(), "juliet@localhost/balcony", "juliet");
  bool is_pinged = false;
  while (const auto element = juliet.receive()) {
    if (element->root().child("ping", xmpp::ns::ping)) is_pinged = true;
    if (element->root().is("error", xmpp::ns::stream)) {
      EXPECT_EQ(element->root().first_child().name(), "connection-timeout");
    }
  }
  EXPECT_TRUE(is_pinged);
  EXPECT_TRUE(juliet.is_closed());
}

TEST(Node, EndsItsStreamsWithSystemShutdownAndExitsWithZeroOnSigterm) {
  const auto node = ready_node();
  auto juliet = XmppClient::login(node->c2s_port(), "juliet@localhost/balcony", "juliet");
  node->terminate();
  EXPECT_EQ(juliet.receive_stream_error(), "system-shutdown");
  juliet.send("</stream:stream>");
  EXPECT_EQ(node->wait_for_exit(exit_limit), 0);
}

TEST(Node, KeepsItsAccountsOverAKill) {
  const auto node = ready_node();
  node->kill();
  node->start();
  node->wait_until_ready();
  EXPECT_NO_THROW(XmppClient::login(node->c2s_port(), "juliet@localhost/balcony", "juliet"));
}

TEST(Start, EndsWith69AndNamesThePortThatIsTaken) {
  const auto holder = ready_node();
  const std::string taken = "127.0.0.1:" + std::to_string(holder->c2s_port());
  NodeProcessOptions options;
  options.flags = {"--listen-c2s=" + taken};
  NodeProcess late(std::move(options));
  late.start();
  EXPECT_EQ(late.wait_for_exit(exit_limit), 69);
  EXPECT_NE(late.log().find("cannot listen on " + taken), std::string::npos) << late.log();
  EXPECT_TRUE(holder->is_ready());
}

TEST(Start, EndsWith78AndNamesAllFaultsOfItsConfigurationAtOnce) {
  NodeProcessOptions options;
  options.toml = "[limits]\nstanza_bytes_max = -1\n[drain]\nnotice = \"soon\"\nnotise = 5\n";
  options.flags = {"--listen-c2s=nowhere"};
  NodeProcess node(std::move(options));
  node.start();
  EXPECT_EQ(node.wait_for_exit(exit_limit), 78);
  const std::string log = node.log();
  for (const char* key : {"c2s", "stanza_bytes_max", "notice", "notise"}) {
    EXPECT_NE(log.find(key), std::string::npos) << "no word of " << key << " in " << log;
  }
}

}  // namespace
}  // namespace tests
