// What is done to accounts as a whole, while they are logged in on two nodes.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "tests/support/eventually.h"
#include "tests/support/mariadb.h"
#include "tests/support/node_process.h"
#include "tests/support/xmpp_client.h"
#include "xmpp/namespaces.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

class Accounts : public testing::Test {
 protected:
  static void SetUpTestSuite() { database_ = std::make_unique<MariaDb>(); }
  static void TearDownTestSuite() { database_.reset(); }

  Accounts()
      : cluster_(*database_, testing::UnitTest::GetInstance()->current_test_info()->name(), 2),
        balcony_(client("juliet", "balcony", 0)),
        chamber_(client("juliet", "chamber", 1)) {}

  XmppClient client(const std::string& user, const std::string& resource, std::size_t node) {
    return XmppClient::login(cluster_.node(node).c2s_port(), user + "@localhost/" + resource, user);
  }

  /// The answer to a request of type set; what comes before is dropped.
  static std::optional<xmpp::Stanza> request(XmppClient& client, const std::string& payload) {
    client.send("<iq type='set' id='set'>" + payload + "</iq>");
    while (auto answer = client.receive()) {
      if (answer->id() == "set") return answer;
    }
    return std::nullopt;
  }

  static std::string registration(XmppClient& client, const std::string& content) {
    const auto answer =
        request(client, "<query xmlns='jabber:iq:register'>" + content + "</query>");
    if (!answer) return "nothing";
    const auto error = answer->root().child("error", xmpp::ns::client);
    return error ? std::string(error.first_child().name()) : std::string(answer->type());
  }

  /// How the contact stands in the client's roster; "absent" if it does not.
  static std::string subscription(XmppClient& client, const std::string& contact) {
    const auto answer = client.ask("", "<query xmlns='jabber:iq:roster'/>");
    if (!answer) return "nothing";
    for (const xmpp::Element item : xmpp::children(answer->root().first_child())) {
      if (item.attr("jid") == contact) return std::string(item.attr("subscription"));
    }
    return "absent";
  }

  std::string login(const std::string& password) {
    XmppClient client(cluster_.node(1).c2s_port());
    client.start_tls("localhost");
    return client.authenticate("juliet", password);
  }

  static inline std::unique_ptr<MariaDb> database_;
  ClusterOfNodes cluster_;
  XmppClient balcony_, chamber_;
};

// XEP-0077 §3.3, hardening P21
TEST_F(Accounts, EndTheirOtherSessionsWithTheFormerPassword) {
  EXPECT_EQ(registration(balcony_, "<username>romeo</username><password>x</password>"),
            "not-acceptable");
  EXPECT_EQ(registration(balcony_, "<username>juliet</username>"), "not-acceptable");
  EXPECT_EQ(registration(balcony_, "<username>Juliet</username><password>another</password>"),
            "result");
  EXPECT_EQ(chamber_.receive_stream_error(), "not-authorized");
  EXPECT_TRUE(balcony_.ask("localhost", "<ping xmlns='urn:xmpp:ping'/>"));
  EXPECT_EQ(login("juliet"), "not-authorized");
  EXPECT_EQ(login("another"), "");
}

// XEP-0077 §3.2, hardening Q8: nobody who gets the name later sees or is what the former one was.
TEST_F(Accounts, LeaveNothingBehindWhenTheyAreRemoved) {
  XmppClient romeo = client("romeo", "orchard", 1);
  romeo.send("<presence type='subscribe' to='juliet@localhost'/>");
  balcony_.send("<presence type='subscribed' to='romeo@localhost'/>");
  balcony_.send("<presence type='subscribe' to='romeo@localhost'/>");
  romeo.send("<presence type='subscribed' to='juliet@localhost'/>");
  ASSERT_TRUE(eventually(20s, [&] { return subscription(romeo, "juliet@localhost") == "both"; }));
  ASSERT_TRUE(request(balcony_, "<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>"));
  ASSERT_TRUE(request(balcony_, "<block xmlns='urn:xmpp:blocking'><item jid='paris@x'/></block>"));

  EXPECT_EQ(registration(balcony_, "<remove/>"), "result");
  EXPECT_EQ(balcony_.receive_stream_error(), "not-authorized");
  EXPECT_EQ(chamber_.receive_stream_error(), "not-authorized");
  EXPECT_EQ(login("juliet"), "not-authorized");
  EXPECT_EQ(subscription(romeo, "juliet@localhost"), "none");

  cluster_.node(0).add_user("juliet@localhost", "juliet");
  XmppClient heir = client("juliet", "balcony", 0);
  EXPECT_EQ(subscription(heir, "romeo@localhost"), "absent");
  for (const char* payload :
       {"<blocklist xmlns='urn:xmpp:blocking'/>", "<vCard xmlns='vcard-temp'/>"}) {
    const auto answer = heir.ask("", payload);
    ASSERT_TRUE(answer);
    EXPECT_FALSE(answer->root().first_child().first_child()) << answer->to_string();
  }
  romeo.send("<presence><status>here</status></presence>");
  ASSERT_TRUE(romeo.ask("localhost", "<ping xmlns='urn:xmpp:ping'/>"));
  while (const auto stanza = heir.receive(500ms)) {
    EXPECT_EQ(stanza->from().find("romeo"), std::string_view::npos) << stanza->to_string();
  }
}

// An administrator's removal is the same.
TEST_F(Accounts, AreRemovedByAnAdministratorWithTheirSessions) {
  EXPECT_EQ(cluster_.node(0).admin("DELETE", "/api/v1/users/juliet@localhost").code, 200);
  EXPECT_EQ(balcony_.receive_stream_error(), "not-authorized");
  EXPECT_EQ(chamber_.receive_stream_error(), "not-authorized");
}

// User search (XEP-0055) is off: nobody can list who has an account here.
TEST_F(Accounts, CannotBeSearchedFor) {
  const auto info =
      balcony_.ask("localhost", "<query xmlns='http://jabber.org/protocol/disco#info'/>");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->to_string().find("jabber:iq:search"), std::string::npos);
  for (const char* to : {"localhost", "romeo@localhost"}) {
    const auto answer = balcony_.ask(to, "<query xmlns='jabber:iq:search'/>");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->root().child("error", xmpp::ns::client).first_child().name(),
              "service-unavailable");
  }
}

}  // namespace
}  // namespace tests
