#include "server/session/held_back.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/server/presence/one_node.h"

namespace server {
namespace {

RoutedStanza stanza(const std::string& xml) {
  const auto parsed = xmpp::Stanza::parse(xml);
  RoutedStanza result = routed(*parsed, jid(std::string(parsed->from())), jid("juliet@localhost"));
  result.xml = xml;
  return result;
}

std::string event(const std::string& items) {
  return "<message type='headline' from='romeo@localhost'>"
         "<event xmlns='http://jabber.org/protocol/pubsub#event'>" +
         items + "</event></message>";
}

std::string copy_of(const std::string& content) {
  return "<message type='chat' from='juliet@localhost'><received xmlns='urn:xmpp:carbons:2'>"
         "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' type='chat' "
         "from='romeo@localhost/orchard' to='juliet@localhost/phone'>" +
         content + "</message></forwarded></received></message>";
}

const std::string composing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
const std::string item = "<items node='n'><item id='1'><x xmlns='urn:x'/></item></items>";

// XEP-0352 §4
TEST(HeldBack, HoldsWhatNobodyNeedKnowAtOnce) {
  const std::string from = " from='romeo@localhost/orchard'>";
  const std::vector<std::pair<std::string, bool>> cases = {
      {"<presence" + from + "</presence>", true},
      {"<presence type='unavailable'" + from + "</presence>", true},
      {"<presence type='subscribe'" + from + "</presence>", false},
      {"<presence type='error'" + from + "</presence>", false},
      {"<iq type='result' id='1'" + from + "</iq>", false},
      {"<message type='chat'" + from + composing + "</message>", true},
      {"<message" + from + composing + "<thread>t</thread><no-store xmlns='urn:xmpp:hints'/>" +
           "</message>",
       true},
      {"<message type='groupchat'" + from + composing + "</message>", true},
      {"<message type='error'" + from + composing + "</message>", false},
      {"<message type='chat'" + from + composing + "<body>hi</body></message>", false},
      {"<message type='chat'" + from + composing + "<received xmlns='urn:xmpp:receipts' id='1'/>" +
           "</message>",
       false},
      {"<message type='chat'" + from + "<body>hi</body></message>", false},
      {"<message type='headline'" + from + "<body>news</body></message>", false},
      {event(item), true},
      {event("<delete node='n'/>"), false}};
  for (const auto& [xml, waits] : cases) {
    EXPECT_EQ(HeldBack().hold(stanza(xml)), waits) << xml;
  }
  const auto copy = [](const std::string& content) {
    RoutedStanza carbon = stanza(copy_of(content));
    carbon.type = "headline";
    return carbon;
  };
  EXPECT_TRUE(HeldBack().hold(copy(composing)));
  EXPECT_FALSE(HeldBack().hold(copy(composing + "<body>hi</body>")));
}

TEST(HeldBack, KeepsTheLastOfEachInTheOrderInWhichTheyCame) {
  HeldBack held;
  const std::string first = "<presence from='romeo@localhost/orchard'/>";
  const std::string other = "<presence from='romeo@localhost/phone'/>";
  const std::string last = "<presence type='unavailable' from='romeo@localhost/orchard'/>";
  const std::string retraction = event("<items node='n'><retract id='1'/></items>");
  const std::string another = event("<items node='n'><item id='2'/></items>");
  for (const std::string& xml : {first, event(item), other, another, last, retraction}) {
    ASSERT_TRUE(held.hold(stanza(xml))) << xml;
  }
  std::vector<std::string> taken;
  for (const RoutedStanza& one : held.take()) taken.emplace_back(one.xml.view());
  EXPECT_EQ(taken, (std::vector<std::string>{other, another, last, retraction}));
  EXPECT_EQ(held.size(), 0U);
}

TEST(HeldBack, IsBounded) {
  HeldBack held;
  std::size_t taken = 0;
  while (held.hold(stanza("<presence from='romeo@localhost/" + std::to_string(taken) + "'/>"))) {
    ASSERT_LT(++taken, 1'000U);
  }
  EXPECT_EQ(taken, 500U);
  EXPECT_TRUE(held.hold(stanza("<presence type='unavailable' from='romeo@localhost/7'/>")));
  HeldBack large;
  const std::string status = "<status>" + std::string(60'000, 'x') + "</status></presence>";
  for (int n = 0; n < 4; ++n) {
    const std::string from = "romeo@localhost/" + std::to_string(n);
    EXPECT_TRUE(large.hold(stanza("<presence from='" + from + "'>" + status)));
  }
  EXPECT_FALSE(large.hold(stanza("<presence from='romeo@localhost/9'>" + status)));
}

class InactiveClient : public OneNode {
 protected:
  static bool say(Client& client, const std::string& name,
                  const std::string& ns = "urn:xmpp:csi:0") {
    const auto element = xmpp::Stanza::parse("<" + name + " xmlns='" + ns + "'/>");
    return client.session->on_client_state(element->root());
  }
};

TEST_F(InactiveClient, HearsInItsOrderOfAllThatWaitedBeforeWhatDoesNotWait) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  befriend(*romeo, *juliet);
  EXPECT_TRUE(say(*juliet, "inactive"));
  send(*romeo, "<presence><status>one</status></presence>");
  send(*romeo, "<presence><status>two</status></presence>");
  send(*romeo, "<message type='chat' to='juliet@localhost'>" + composing + "</message>");
  EXPECT_EQ(juliet->take(), Stanzas{});
  send(*romeo, "<message type='chat' to='juliet@localhost'><body>hi</body></message>");
  EXPECT_EQ(juliet->take(), (Stanzas{"presence romeo@localhost/orchard 'two'", "chat", "chat"}));
  send(*romeo, "<presence><status>three</status></presence>");
  EXPECT_EQ(juliet->take(), Stanzas{});
  EXPECT_TRUE(say(*juliet, "inactive"));
  EXPECT_EQ(juliet->take(), Stanzas{});
  EXPECT_TRUE(say(*juliet, "active"));
  EXPECT_EQ(juliet->take(), Stanzas{"presence romeo@localhost/orchard 'three'"});
  send(*romeo, "<presence><status>four</status></presence>");
  EXPECT_EQ(juliet->take(), Stanzas{"presence romeo@localhost/orchard 'four'"});
  EXPECT_TRUE(say(*juliet, "active"));
  EXPECT_FALSE(say(*juliet, "asleep"));
  EXPECT_FALSE(say(*juliet, "inactive", "urn:other"));
}

// XEP-0198: what is held has not been sent, and counts when it is.
TEST_F(InactiveClient, CountsForItsAcksWhatItWasSent) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  befriend(*romeo, *juliet);
  const auto enable = xmpp::Stanza::parse("<enable xmlns='urn:xmpp:sm:3'/>");
  juliet->session->on_management(enable->root());
  say(*juliet, "inactive");
  send(*romeo, "<presence><status>one</status></presence>");
  EXPECT_EQ(juliet->session->unacked(), 0U);
  say(*juliet, "active");
  EXPECT_EQ(juliet->session->unacked(), 1U);
}

}  // namespace
}  // namespace server
