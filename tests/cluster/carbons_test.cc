// XEP-0280: what one client of an account says and hears, the others get copies of, on any node.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/mariadb.h"
#include "tests/support/node_process.h"
#include "tests/support/xmpp_client.h"
#include "xmpp/namespaces.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

constexpr auto nothing_comes = 300ms;

/// Romeo and three clients of Juliet's, of which two on two nodes ask for copies.
class Carbons : public testing::Test {
 protected:
  static void SetUpTestSuite() { database_ = std::make_unique<MariaDb>(); }
  static void TearDownTestSuite() { database_.reset(); }

  Carbons()
      : cluster_(*database_, testing::UnitTest::GetInstance()->current_test_info()->name(), 2),
        romeo_(client("romeo", "orchard", 0)),
        balcony_(client("juliet", "balcony", 0)),
        chamber_(client("juliet", "chamber", 1)),
        plain_(client("juliet", "plain", 1)) {}

  void SetUp() override {
    ask_for_copies(balcony_, "enable");
    ask_for_copies(chamber_, "enable");
    // What the other node was told a moment ago may not be there yet.
    for (int n = 0; copy(chamber_, nothing_comes) == "nothing"; ++n) {
      ASSERT_LT(n, 50) << "no copy comes to the other node";
      say(romeo_, balcony_.jid(), "<body>hello</body>");
    }
    while (copy(chamber_, nothing_comes) != "nothing") continue;
    while (balcony_.receive(nothing_comes)) continue;
  }

  XmppClient client(const std::string& user, const std::string& resource, std::size_t node) {
    return XmppClient::login(cluster_.node(node).c2s_port(), user + "@localhost/" + resource, user);
  }

  static void ask_for_copies(XmppClient& client, const std::string& what) {
    client.send("<iq type='set' id='copies'><" + what + " xmlns='urn:xmpp:carbons:2'/></iq>");
    while (const auto answer = client.receive()) {
      if (answer->id() != "copies") continue;
      EXPECT_EQ(answer->type(), "result");
      return;
    }
    FAIL() << "no answer to " << what;
  }

  static void say(XmppClient& from, const std::string& to, const std::string& content,
                  const std::string& type = "chat") {
    from.send("<message type='" + type + "' to='" + to + "'>" + content + "</message>");
  }

  /// The next message, if it is a copy: "received" or "sent", from whom it says to be, and the body
  /// of what it copies, with its sender.
  static std::string copy(XmppClient& client,
                          std::chrono::milliseconds limit = XmppClient::patience) {
    const auto message = client.receive_message(limit);
    if (!message) return "nothing";
    for (const char* kind : {"received", "sent"}) {
      const auto inner = message->root()
                             .child(kind, xmpp::ns::carbons)
                             .child("forwarded", "urn:xmpp:forward:0")
                             .child("message", xmpp::ns::client);
      if (!inner) continue;
      return std::string(kind) + " from " + std::string(message->from()) + ": " +
             std::string(inner.attr("from")) + " said " +
             inner.child("body", xmpp::ns::client).text();
    }
    return message->to_string();
  }

  static inline std::unique_ptr<MariaDb> database_;
  ClusterOfNodes cluster_;
  XmppClient romeo_, balcony_, chamber_, plain_;
};

// XEP-0280 §7, §8; hardening S2: copies come from the account itself.
TEST_F(Carbons, GoToTheAccountsOtherClientsThatAskedForThem) {
  say(romeo_, balcony_.jid(), "<body>good night</body>");
  EXPECT_EQ(copy(chamber_),
            "received from juliet@localhost: romeo@localhost/orchard said good night");
  say(balcony_, romeo_.jid(), "<body>parting is sweet</body>");
  EXPECT_EQ(copy(chamber_),
            "sent from juliet@localhost: juliet@localhost/balcony said parting is sweet");
  EXPECT_EQ(copy(plain_, nothing_comes), "nothing");
  const auto message = balcony_.receive_message();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->root().child("body", xmpp::ns::client).text(), "good night");
  EXPECT_EQ(copy(balcony_, nothing_comes), "nothing");  // Neither of its own, nor twice.
}

// XEP-0280 §6.1, §9; XEP-0334 §4.3
TEST_F(Carbons, AreNotMadeOfWhatIsPrivateOrForNobodyInPerson) {
  const std::string body = "<body>hush</body>";
  say(romeo_, balcony_.jid(), body + "<private xmlns='urn:xmpp:carbons:2'/>");
  say(romeo_, balcony_.jid(), body + "<no-copy xmlns='urn:xmpp:hints'/>");
  say(romeo_, balcony_.jid(), body, "groupchat");
  say(romeo_, balcony_.jid(), body, "headline");
  say(romeo_, balcony_.jid(), "<thing xmlns='urn:example:nothing'/>", "normal");
  say(romeo_, balcony_.jid(), "<body>now</body>", "normal");
  EXPECT_EQ(copy(chamber_), "received from juliet@localhost: romeo@localhost/orchard said now");
}

// XEP-0280 §6.1: of an error, where the message that it answers was copied. Hardening S12: nobody
// else hears what came back.
TEST_F(Carbons, TellOfAMessageThatCameBack) {
  ask_for_copies(romeo_, "enable");
  const std::string romeo = romeo_.jid().substr(0, romeo_.jid().find('/'));
  say(balcony_, "romeo@elsewhere.example", "<thing xmlns='urn:example:nothing'/>", "normal");
  say(balcony_, "romeo@elsewhere.example",
      "<body>hush</body><private xmlns='urn:xmpp:carbons:2'/>");
  say(balcony_, romeo + "/nowhere", "<body>wherefore</body>", "normal");
  EXPECT_EQ(copy(chamber_),
            "received from juliet@localhost: romeo@localhost/nowhere said wherefore");
  EXPECT_EQ(copy(romeo_, nothing_comes), "nothing");
}

TEST_F(Carbons, StopWhenTheClientHasHadEnough) {
  ask_for_copies(balcony_, "disable");
  say(romeo_, chamber_.jid(), "<body>alone</body>");
  EXPECT_EQ(chamber_.receive_message()->root().child("body", xmpp::ns::client).text(), "alone");
  EXPECT_EQ(copy(balcony_, nothing_comes), "nothing");
}

// hardening S2
TEST_F(Carbons, CannotBeForged) {
  for (const std::string ns : {"urn:xmpp:carbons:2", "urn:xmpp:carbons&#58;2"}) {
    say(romeo_, plain_.jid(),
        "<received xmlns='" + ns +
            "'><forwarded xmlns='urn:xmpp:forward:0'>"
            "<message xmlns='jabber:client' from='nurse@localhost'><body>lies</body></message>"
            "</forwarded></received><body>truth</body>");
    const auto message = plain_.receive_message();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->to_string().find("lies"), std::string::npos) << message->to_string();
    EXPECT_EQ(message->root().child("body", xmpp::ns::client).text(), "truth");
  }
}

}  // namespace
}  // namespace tests
