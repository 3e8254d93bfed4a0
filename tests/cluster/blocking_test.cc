// XEP-0191 on whole nodes: a list is in force on all of them, for who is away, and when a node that
// was cut off is back.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "tests/support/eventually.h"
#include "tests/support/mariadb.h"
#include "tests/support/node_process.h"
#include "tests/support/xmpp_client.h"
#include "xmpp/namespaces.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

class Blocking : public testing::Test {
 protected:
  static void SetUpTestSuite() { database_ = std::make_unique<MariaDb>(); }
  static void TearDownTestSuite() { database_.reset(); }

  Blocking()
      : cluster_(*database_, testing::UnitTest::GetInstance()->current_test_info()->name(), 2) {}

  XmppClient client(const std::string& user, const std::string& resource, std::size_t node) {
    return XmppClient::login(cluster_.node(node).c2s_port(), user + "@localhost/" + resource, user);
  }

  /// Returns when the server has said that it is done.
  static void block(XmppClient& client, const std::string& jid) {
    client.send("<iq type='set' id='block'><block xmlns='urn:xmpp:blocking'><item jid='" + jid +
                "'/></block></iq>");
    while (const auto answer = client.receive()) {
      if (answer->id() != "block") continue;
      ASSERT_EQ(answer->type(), "result");
      return;
    }
    FAIL() << "no answer";
  }

  /// What answers a message: the condition of the error, or "nothing".
  static std::string say(XmppClient& from, const std::string& to, const std::string& body) {
    from.send("<message type='chat' id='" + body + "' to='" + to + "'><body>" + body +
              "</body></message>");
    // Behind the message, so what the message gets comes before its answer: but for what storage
    // takes, which is waited for.
    while (const auto answer = from.receive(2s)) {
      const auto error = answer->root().child("error", xmpp::ns::client);
      if (answer->id() == body && error) return std::string(error.first_child().name());
    }
    return "nothing";
  }

  static std::string next_body(XmppClient& client) {
    const auto message = client.receive_message();
    return message ? message->root().child("body", xmpp::ns::client).text() : "nothing";
  }

  static inline std::unique_ptr<MariaDb> database_;
  ClusterOfNodes cluster_;
};

TEST_F(Blocking, IsInForceOnAllNodesOnceItIsAnswered) {
  XmppClient juliet = client("juliet", "balcony", 0);
  XmppClient tablet = client("juliet", "tablet", 1);
  XmppClient romeo = client("romeo", "orchard", 1);
  block(juliet, "romeo@localhost");
  EXPECT_EQ(say(romeo, "juliet@localhost", "one"), "service-unavailable");
  EXPECT_EQ(say(romeo, "juliet@localhost/tablet", "two"), "service-unavailable");
  EXPECT_EQ(say(tablet, "romeo@localhost", "three"), "not-acceptable");
  // The first node's session goes, and the other node goes on knowing.
  juliet.send("</stream:stream>");
  EXPECT_TRUE(eventually(20s, [&] { return !juliet.receive(100ms) && juliet.is_closed(); }));
  EXPECT_EQ(say(romeo, "juliet@localhost", "four"), "service-unavailable");
}

// Hardening S12: what is sent to who is away must not wait for her.
TEST_F(Blocking, IsInForceForWhoIsAwayAndFromTheFirstMomentAfter) {
  {
    XmppClient juliet = client("juliet", "balcony", 0);
    block(juliet, "romeo@localhost");
  }
  XmppClient romeo = client("romeo", "orchard", 1);
  // Until the node has seen her connection end, she is here.
  EXPECT_EQ(say(romeo, "juliet@localhost", "one"), "service-unavailable");
  EXPECT_TRUE(eventually(
      20s, [&] { return cluster_.node(0).status_of("n1").as_object().at("sessions") == 0; }));
  EXPECT_EQ(say(romeo, "juliet@localhost", "two"), "service-unavailable");
  XmppClient nurse = client("juliet", "house", 1);
  EXPECT_EQ(say(romeo, "juliet@localhost", "three"), "service-unavailable");
  EXPECT_EQ(say(nurse, "juliet@localhost", "note to self"), "nothing");
}

// Hardening K8: blocked while a node was cut off, in force when it is back.
TEST_F(Blocking, IsInForceOnANodeThatHeardNothingOfItOnceItIsBack) {
  XmppClient juliet = client("juliet", "balcony", 0);
  XmppClient tablet = client("juliet", "tablet", 1);
  XmppClient romeo = client("romeo", "orchard", 1);
  ASSERT_EQ(say(romeo, "juliet@localhost/tablet", "before"), "nothing");
  ASSERT_EQ(next_body(tablet), "before");
  cluster_.node(1).pause();
  block(juliet, "romeo@localhost");
  cluster_.node(1).resume();
  EXPECT_TRUE(eventually(20s, [&] {
    return say(romeo, "juliet@localhost/tablet", "after") == "service-unavailable";
  }));
  juliet.send("</stream:stream>");
  EXPECT_TRUE(eventually(20s, [&] { return !juliet.receive(100ms) && juliet.is_closed(); }));
  EXPECT_EQ(say(romeo, "juliet@localhost/tablet", "later"), "service-unavailable");
}

}  // namespace
}  // namespace tests
