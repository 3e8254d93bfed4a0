// Where receipts (XEP-0184), markers (XEP-0333) and hints (XEP-0334) take a message: to the client
// that it is for, to the account's others as copies, and into the store for who is away.

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

const std::string receipt = "<received xmlns='urn:xmpp:receipts' id='m1'/>";
const std::string marker = "<displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/>";

class Receipts : public testing::Test {
 protected:
  static void SetUpTestSuite() { database_ = std::make_unique<MariaDb>(); }
  static void TearDownTestSuite() { database_.reset(); }

  Receipts()
      : cluster_(*database_, testing::UnitTest::GetInstance()->current_test_info()->name(), 2) {}

  XmppClient client(const std::string& user, const std::string& resource, std::size_t node) {
    return XmppClient::login(cluster_.node(node).c2s_port(), user + "@localhost/" + resource, user);
  }

  static void send(XmppClient& from, const std::string& to, const std::string& content,
                   const std::string& type = "chat") {
    from.send("<message type='" + type + "' to='" + to + "'>" + content + "</message>");
  }

  /// What the next message has in it first, by its element's name; "nothing" if none comes.
  static std::string next(XmppClient& client,
                          std::chrono::milliseconds limit = XmppClient::patience) {
    const auto message = client.receive_message(limit);
    if (!message) return "nothing";
    if (message->type() == "error") {
      const auto error = message->root().child("error", xmpp::ns::client);
      return "error " + std::string(error.first_child().name());
    }
    return std::string(message->root().first_child().name());
  }

  static inline std::unique_ptr<MariaDb> database_;
  ClusterOfNodes cluster_;
};

// RFC 6121 §8.5.3.1, §8.5.3.2.1; XEP-0184 §5
TEST_F(Receipts, GoToTheClientThatAskedAndToTheAccountWhereThatIsGone) {
  XmppClient orchard = client("romeo", "orchard", 0);
  XmppClient phone = client("romeo", "phone", 0);
  XmppClient juliet = client("juliet", "balcony", 0);
  for (const std::string& content : {receipt, marker}) {
    for (const std::string type : {"chat", "normal"}) {
      send(juliet, orchard.jid(), content, type);
      EXPECT_NE(next(orchard), "nothing") << type << content;
    }
    send(juliet, "romeo@localhost/gone", content);
    EXPECT_NE(next(orchard), "nothing") << content;
    EXPECT_NE(next(phone), "nothing") << content;
  }
  // RFC 6121 §8.5.3.2.1: one of type normal is for that resource alone.
  send(juliet, "romeo@localhost/gone", receipt, "normal");
  EXPECT_EQ(next(juliet), "error service-unavailable");
  EXPECT_EQ(next(phone, 500ms), "nothing");
}

// XEP-0160 §3, XEP-0334 §4
TEST_F(Receipts, WaitForWhoIsAwayUnlessTheySayNotTo) {
  XmppClient romeo = client("romeo", "orchard", 0);
  const auto hint = [](const std::string& name) {
    return "<" + name + " xmlns='urn:xmpp:hints'/>";
  };
  const std::string composing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
  send(romeo, "juliet@localhost", receipt);
  send(romeo, "juliet@localhost", marker);
  send(romeo, "juliet@localhost", "<body>for a while</body>" + hint("no-permanent-store"));
  EXPECT_TRUE(romeo.ask("localhost", "<ping xmlns='urn:xmpp:ping'/>"));
  for (const std::string& lost : {"<body>now or never</body>" + hint("no-store"), composing}) {
    send(romeo, "juliet@localhost", lost);
    EXPECT_EQ(next(romeo), "error service-unavailable") << lost;
  }
  send(romeo, "juliet@localhost", composing + hint("store"));
  EXPECT_TRUE(romeo.ask("localhost", "<ping xmlns='urn:xmpp:ping'/>"));
  XmppClient juliet = client("juliet", "balcony", 1);
  std::vector<std::string> got;
  for (int n = 0; n < 4; ++n) got.push_back(next(juliet));
  EXPECT_EQ(got, (std::vector<std::string>{"received", "displayed", "body", "composing"}));
  EXPECT_EQ(next(juliet, 600ms), "nothing");
}

}  // namespace
}  // namespace tests
