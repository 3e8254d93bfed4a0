// Blocking (XEP-0191) as clients see it: accounts with sessions on one node.

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/server/presence/one_node.h"

namespace server {
namespace {

using Jids = std::vector<std::string>;

class Blocking : public OneNode {
 protected:
  /// What `<block/>` or `<unblock/>` brings the client itself, in short.
  Stanzas change(Client& client, const std::string& name, const Jids& jids) {
    std::string items;
    for (const std::string& jid : jids) items += "<item jid='" + jid + "'/>";
    client.take();
    send(client, "<iq type='set' id='b'><" + name + " xmlns='urn:xmpp:blocking'>" + items + "</" +
                     name + "></iq>");
    return client.take();
  }

  Jids blocked(Client& client) {
    client.take();
    send(client, "<iq type='get' id='l'><blocklist xmlns='urn:xmpp:blocking'/></iq>");
    Jids jids;
    for (const std::string& xml : client.take_whole()) {
      const auto stanza = xmpp::Stanza::parse(xml);
      for (const xmpp::Element item : xmpp::children(stanza->root().first_child())) {
        jids.emplace_back(item.attr("jid"));
      }
    }
    return jids;
  }

  void say(Client& client, const std::string& to) {
    send(client, "<message type='chat' to='" + to + "'><body>hi</body></message>");
  }
};

// XEP-0191 §3.2 to §3.5
TEST_F(Blocking, KeepsAListAndPushesItsChangesToThoseWhoAskedForIt) {
  auto juliet = log_in("juliet@localhost/balcony");
  auto tablet = log_in("juliet@localhost/tablet");
  auto deaf = log_in("juliet@localhost/deaf");
  EXPECT_EQ(blocked(*juliet), Jids{});
  EXPECT_EQ(blocked(*tablet), Jids{});
  deaf->take(), tablet->take();
  EXPECT_EQ(change(*juliet, "block", {"Romeo@localhost", "elsewhere.example"}),
            (Stanzas{"push", "result"}));
  const auto pushed = tablet->take_whole();
  ASSERT_EQ(pushed.size(), 1U);
  EXPECT_NE(pushed.front().find("<block xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/>"),
            std::string::npos);
  EXPECT_EQ(deaf->take(), Stanzas{});
  EXPECT_EQ(blocked(*juliet), (Jids{"elsewhere.example", "romeo@localhost"}));
  change(*juliet, "unblock", {"romeo@localhost"});
  EXPECT_EQ(blocked(*juliet), Jids{"elsewhere.example"});
  change(*juliet, "unblock", {});
  EXPECT_EQ(blocked(*juliet), Jids{});
}

// XEP-0191 §3.3, hardening X18
TEST_F(Blocking, RefusesWhatIsNoList) {
  auto juliet = log_in("juliet@localhost/balcony");
  EXPECT_EQ(change(*juliet, "block", {}), Stanzas{"error bad-request"});
  EXPECT_EQ(change(*juliet, "block", {"@"}), Stanzas{"error jid-malformed"});
  EXPECT_EQ(change(*juliet, "block", {""}), Stanzas{"error jid-malformed"});
  for (const char* child : {"<item/>", "<jid>romeo@localhost</jid>",
                            "<item jid='romeo@localhost' xmlns='urn:other'/>"}) {
    for (const std::string name : {"block", "unblock"}) {
      send(*juliet, "<iq type='set' id='x'><" + name + " xmlns='urn:xmpp:blocking'>" + child +
                        "</" + name + "></iq>");
      EXPECT_EQ(juliet->take(), Stanzas{"error bad-request"}) << name << child;
    }
  }
  EXPECT_EQ(blocked(*juliet), Jids{});
}

// XEP-0191 §3.3, hardening S12: nothing comes in, and who is blocked sees nobody.
TEST_F(Blocking, KeepsOutWhatTheBlockedSend) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  auto tablet = log_in("juliet@localhost/tablet");
  befriend(*romeo, *juliet);
  tablet->take();
  change(*juliet, "block", {"romeo@localhost"});
  EXPECT_EQ(romeo->take(), (Stanzas{"presence unavailable juliet@localhost/balcony",
                                    "presence unavailable juliet@localhost/tablet"}));
  juliet->take();

  // One error, for however many sessions it was.
  for (const char* to : {"juliet@localhost", "juliet@localhost/balcony"}) {
    say(*romeo, to);
    EXPECT_EQ(romeo->take(), Stanzas{"error service-unavailable"}) << to;
  }
  send(*romeo,
       "<iq type='get' id='p' to='juliet@localhost/balcony'><ping xmlns='urn:xmpp:ping'/>"
       "</iq>");
  EXPECT_EQ(romeo->take(), Stanzas{"error service-unavailable"});
  send(*romeo, "<iq type='result' id='p' to='juliet@localhost/balcony'/>");
  send(*romeo, "<presence to='juliet@localhost/balcony'/>");
  EXPECT_EQ(romeo->take(), Stanzas{});
  send(*romeo, "<presence><status>here</status></presence>");
  EXPECT_EQ(romeo->take(), Stanzas{"presence romeo@localhost/orchard 'here'"});
  EXPECT_EQ(juliet->take(), Stanzas{});
  EXPECT_EQ(tablet->take(), Stanzas{});
  send(*juliet, "<presence><status>there</status></presence>");
  EXPECT_EQ(romeo->take(), Stanzas{});

  change(*juliet, "unblock", {"romeo@localhost"});
  EXPECT_EQ(romeo->take(), (Stanzas{"presence juliet@localhost/balcony 'there'",
                                    "presence juliet@localhost/tablet"}));
  tablet->take();
  say(*romeo, "juliet@localhost/tablet");
  EXPECT_EQ(tablet->take_whole().size(), 1U);
}

// XEP-0191 §3.3
TEST_F(Blocking, KeepsTheAccountFromSendingToTheBlocked) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  change(*juliet, "block", {"romeo@localhost"});
  const std::string vcard = "<vCard xmlns='vcard-temp'/>";
  for (const std::string& stanza : std::vector<std::string>{
           "<message to='romeo@localhost'/>", "<presence to='romeo@localhost/orchard'/>",
           "<iq type='get' id='p' to='romeo@localhost/orchard'><ping xmlns='urn:xmpp:ping'/></iq>",
           "<iq type='get' id='v' to='romeo@localhost'>" + vcard + "</iq>",
           "<presence type='subscribe' to='romeo@localhost'/>"}) {
    send(*juliet, stanza);
    const auto answers = juliet->take_whole();
    ASSERT_EQ(answers.size(), 1U) << stanza;
    EXPECT_EQ(in_short(answers.front()), "error not-acceptable") << stanza;
    EXPECT_NE(answers.front().find("<blocked xmlns='urn:xmpp:blocking:errors'/>"),
              std::string::npos)
        << answers.front();
  }
  EXPECT_EQ(romeo->take(), Stanzas{});
  EXPECT_EQ(roster_get(*juliet), Stanzas{"result"});
}

TEST_F(Blocking, IsInForceFromTheNextLoginOnAndForWhoIsAway) {
  auto romeo = log_in("romeo@localhost/orchard");
  {
    auto juliet = log_in("juliet@localhost/balcony");
    befriend(*romeo, *juliet);
    change(*juliet, "block", {"romeo@localhost", "paris@localhost"});
  }
  turn();
  EXPECT_EQ(router_.blocks().hold("juliet@localhost"), nullptr);
  auto paris = log_in("paris@localhost/palace");
  request(*paris, "subscribe", "juliet@localhost");
  romeo->take();
  auto juliet = log_in("juliet@localhost/balcony");
  EXPECT_EQ(romeo->take(), Stanzas{});
  say(*romeo, "juliet@localhost");
  EXPECT_EQ(romeo->take(), Stanzas{"error service-unavailable"});
  // What Paris asked for was dropped, and not kept.
  change(*juliet, "unblock", {});
  send(*juliet, "<presence type='unavailable'/>");
  juliet->take();
  send(*juliet, "<presence/>");
  EXPECT_EQ(juliet->take(),
            (Stanzas{"presence juliet@localhost/balcony", "presence romeo@localhost/orchard"}));
}

// RFC 6121 §4.6: directed presence, and what is blocked but for one session.
TEST_F(Blocking, HidesFromWhomPresenceWasDirectedToAndFromSingleSessions) {
  auto orchard = log_in("romeo@localhost/orchard");
  auto phone = log_in("romeo@localhost/phone");
  auto paris = log_in("paris@localhost/palace");
  auto juliet = log_in("juliet@localhost/balcony");
  befriend(*orchard, *juliet);
  send(*juliet, "<presence to='paris@localhost/palace'/>");
  orchard->take(), phone->take(), paris->take();
  change(*juliet, "block", {"romeo@localhost/phone", "paris@localhost"});
  EXPECT_EQ(phone->take(), Stanzas{"presence unavailable juliet@localhost/balcony"});
  EXPECT_EQ(paris->take(), Stanzas{"presence unavailable juliet@localhost/balcony"});
  EXPECT_EQ(orchard->take(), Stanzas{});
  send(*juliet, "<presence><status>there</status></presence>");
  EXPECT_EQ(orchard->take(), Stanzas{"presence juliet@localhost/balcony 'there'"});
  EXPECT_EQ(phone->take(), Stanzas{});
  juliet->take();
  send(*phone, "<presence><status>hidden</status></presence>");
  send(*orchard, "<presence><status>seen</status></presence>");
  EXPECT_EQ(juliet->take(), Stanzas{"presence romeo@localhost/orchard 'seen'"});
}

// Hardening S12: PEP is one of the ways. S11: as for a node that is not there.
TEST_F(Blocking, HidesWhatThePublisherHas) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  send(*juliet,
       "<iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'>"
       "<item><x xmlns='urn:x'/></item></publish><publish-options><x xmlns='jabber:x:data'>"
       "<field var='pubsub#access_model'><value>open</value></field></x></publish-options>"
       "</pubsub></iq>");
  send(*juliet, "<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>J</FN></vCard></iq>");
  const auto ask = [&](const std::string& account) {
    for (const std::string payload :
         {"<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'/></pubsub>",
          "<vCard xmlns='vcard-temp'/>"}) {
      send(*romeo, "<iq type='get' id='r' to='" + account + "'>" + payload + "</iq>");
    }
    return romeo->take_whole();
  };
  const auto in_short_all = [](const Stanzas& whole) {
    Stanzas all;
    for (const std::string& xml : whole) all.push_back(in_short(xml));
    return all;
  };
  EXPECT_EQ(in_short_all(ask("juliet@localhost")), (Stanzas{"result", "result"}));
  change(*juliet, "block", {"romeo@localhost"});
  Stanzas unseen = ask("nobody@localhost");
  for (std::string& xml : unseen) xml.replace(xml.find("nobody"), 6, "juliet");
  EXPECT_EQ(ask("juliet@localhost"), unseen);
  juliet = nullptr;  // Nor while she is away.
  turn();
  EXPECT_EQ(ask("juliet@localhost"), unseen);
  documents_.is_away = true;
  EXPECT_EQ(in_short_all(ask("juliet@localhost")),
            (Stanzas{"error resource-constraint", "error resource-constraint"}));
}

TEST_F(Blocking, SaysThatItCannotChangeAListWhileTheDatabaseIsAway) {
  auto juliet = log_in("juliet@localhost/balcony");
  documents_.is_away = true;
  EXPECT_EQ(change(*juliet, "block", {"romeo@localhost"}), Stanzas{"error resource-constraint"});
  EXPECT_EQ(router_.blocks().hold("juliet@localhost"), nullptr);
}

}  // namespace
}  // namespace server
