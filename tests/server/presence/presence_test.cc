// Rosters, subscriptions and presence as clients see them: accounts with sessions on one node.

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "server/presence/contact_list.h"
#include "server/roster/roster_xml.h"
#include "tests/server/presence/one_node.h"
#include "tests/support/eventually.h"

namespace server {
namespace {

using RosterIq = OneNode;
using Subscriptions = OneNode;
using Presence = OneNode;
using Requests = OneNode;

// RFC 6121 §2.1, §2.3, §2.4
TEST_F(RosterIq, SetsPushesToThoseWhoAskedForItAndReturnsIt) {
  auto balcony = log_in("juliet@localhost/balcony");
  auto chamber = log_in("juliet@localhost/chamber");
  auto deaf = bind("juliet@localhost/deaf");
  balcony->take();
  EXPECT_EQ(roster_set(*balcony,
                       "<item jid='Romeo@localhost/orchard' name='R' subscription='both'>"
                       "<group>Friends</group></item>"),
            (Stanzas{"push romeo@localhost none 'R' in Friends", "result"}));
  const auto pushed = chamber->take_whole();
  ASSERT_EQ(pushed.size(), 1U);
  EXPECT_EQ(in_short(pushed.front()), "push romeo@localhost none 'R' in Friends");
  EXPECT_NE(pushed.front().find("to='juliet@localhost/chamber'"), std::string::npos);
  EXPECT_EQ(deaf->take(), Stanzas{});
  EXPECT_EQ(roster_get(*chamber), Stanzas{"result romeo@localhost none 'R' in Friends"});
  EXPECT_EQ(roster_set(*chamber, "<item jid='romeo@localhost'/>"),
            (Stanzas{"push romeo@localhost none", "result"}));
}

// RFC 6121 §2.1.5, §2.3.3, §2.5.3
TEST_F(RosterIq, AnswersWhatIsWrong) {
  auto juliet = log_in("juliet@localhost/balcony");
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "bad-request"},
      {"<item jid='a@localhost'/><item jid='b@localhost'/>", "bad-request"},
      {"<thing jid='a@localhost'/>", "bad-request"},
      {"<item name='a'/>", "bad-request"},
      {"<item jid='@'/>", "jid-malformed"},
      {"<item jid='juliet@localhost'/>", "not-allowed"},
      {"<item jid='a@localhost'><group>g</group><group>g</group></item>", "bad-request"},
      {"<item jid='a@localhost'><group/></item>", "not-acceptable"},
      {"<item jid='a@localhost' name='" + std::string(1024, 'x') + "'/>", "not-acceptable"},
      {"<item jid='a@localhost' subscription='remove'/>", "item-not-found"},
  };
  for (const auto& [items, condition] : wrong) {
    EXPECT_EQ(roster_set(*juliet, items), Stanzas{"error " + condition}) << items;
  }
  EXPECT_EQ(roster_get(*juliet), Stanzas{"result"});
}

// RFC 6121 §2.1.5: nobody but the account itself.
TEST_F(RosterIq, IsNobodyElsesBusiness) {
  auto juliet = log_in("juliet@localhost/balcony");
  auto romeo = log_in("romeo@localhost/orchard");
  for (const char* type : {"get", "set"}) {
    send(*romeo, "<iq type='" + std::string(type) +
                     "' id='x' to='juliet@localhost'><query xmlns='jabber:iq:roster'>"
                     "<item jid='romeo@localhost'/></query></iq>");
    EXPECT_EQ(romeo->take(), Stanzas{"error service-unavailable"}) << type;
  }
  EXPECT_EQ(juliet->take(), Stanzas{});
}

// XEP-0237
TEST_F(RosterIq, IsNotSentAgainToAClientThatHasItsVersion) {
  auto juliet = log_in("juliet@localhost/balcony");
  roster_set(*juliet, "<item jid='romeo@localhost'/>");
  send(*juliet, "<iq type='get' id='g'><query xmlns='jabber:iq:roster' ver=''/></iq>");
  const auto whole = juliet->take_whole();
  ASSERT_EQ(whole.size(), 1U);
  const auto stanza = xmpp::Stanza::parse(whole.front());
  const std::string version(stanza->root().child("query", xmpp::ns::roster).attr("ver"));
  send(*juliet,
       "<iq type='get' id='h'><query xmlns='jabber:iq:roster' ver='" + version + "'/></iq>");
  const auto unchanged = juliet->take_whole();
  ASSERT_EQ(unchanged.size(), 1U);
  EXPECT_EQ(unchanged.front().find("<query"), std::string::npos) << unchanged.front();
  roster_set(*juliet, "<item jid='nurse@localhost'/>");
  EXPECT_EQ(roster_get(*juliet, version),
            Stanzas{"result nurse@localhost none romeo@localhost none"});
}

// RFC 6121 §3.1, each step as both sides' clients see it.
TEST_F(Subscriptions, AreMadeInTheStepsOfTheRfc) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  send(*romeo,
       "<presence type='subscribe' to='juliet@localhost/balcony'><status>me</status>"
       "</presence>");
  EXPECT_EQ(romeo->take(), Stanzas{"push juliet@localhost none ask"});
  EXPECT_EQ(juliet->take(), Stanzas{"presence subscribe romeo@localhost 'me'"});

  request(*juliet, "subscribed", "romeo@localhost");
  EXPECT_EQ(juliet->take(), Stanzas{"push romeo@localhost from"});
  EXPECT_EQ(romeo->take(),
            (Stanzas{"presence subscribed juliet@localhost", "push juliet@localhost to",
                     "presence juliet@localhost/balcony"}));

  request(*juliet, "subscribe", "romeo@localhost");
  EXPECT_EQ(juliet->take(), Stanzas{"push romeo@localhost from ask"});
  EXPECT_EQ(romeo->take(), Stanzas{"presence subscribe juliet@localhost"});
  request(*romeo, "subscribed", "juliet@localhost");
  EXPECT_EQ(romeo->take(), Stanzas{"push juliet@localhost both"});
  EXPECT_EQ(juliet->take(),
            (Stanzas{"presence subscribed romeo@localhost", "push romeo@localhost both",
                     "presence romeo@localhost/orchard"}));
}

// RFC 6121 §3.2: juliet takes back what she granted.
TEST_F(Subscriptions, AreCancelled) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  befriend(*romeo, *juliet);
  request(*juliet, "unsubscribed", "romeo@localhost");
  EXPECT_EQ(juliet->take(), Stanzas{"push romeo@localhost to"});
  EXPECT_EQ(romeo->take(),
            (Stanzas{"presence unavailable juliet@localhost/balcony",
                     "presence unsubscribed juliet@localhost", "push juliet@localhost from"}));
  send(*juliet, "<presence><status>gone out</status></presence>");
  EXPECT_EQ(romeo->take(), Stanzas{});
}

// RFC 6121 §3.3: romeo wants to see her no more.
TEST_F(Subscriptions, AreEnded) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  befriend(*romeo, *juliet);
  request(*romeo, "unsubscribe", "juliet@localhost");
  EXPECT_EQ(juliet->take(),
            (Stanzas{"presence unsubscribe romeo@localhost", "push romeo@localhost to"}));
  EXPECT_EQ(romeo->take(), (Stanzas{"push juliet@localhost from",
                                    "presence unavailable juliet@localhost/balcony"}));
}

// RFC 6121 §3.4
TEST_F(Subscriptions, ThatWereApprovedAreGrantedByTheServer) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  request(*juliet, "subscribed", "romeo@localhost");
  EXPECT_EQ(juliet->take(), Stanzas{"push romeo@localhost none approved"});
  EXPECT_EQ(romeo->take(), Stanzas{});
  request(*romeo, "subscribe", "juliet@localhost");
  EXPECT_EQ(juliet->take(), Stanzas{"push romeo@localhost from approved"});
  const Stanzas got = romeo->take();
  EXPECT_EQ(std::count(got.begin(), got.end(), "presence subscribed juliet@localhost"), 1);
  EXPECT_EQ(std::count(got.begin(), got.end(), "push juliet@localhost to"), 1);
  EXPECT_EQ(std::count(got.begin(), got.end(), "presence juliet@localhost/balcony"), 1);
  EXPECT_EQ(roster_get(*romeo), Stanzas{"result juliet@localhost to"});
}

// RFC 6121 §2.5.2
TEST_F(Subscriptions, EndWithTheRosterItem) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  befriend(*romeo, *juliet);
  EXPECT_EQ(roster_set(*romeo, "<item jid='juliet@localhost' subscription='remove'/>"),
            (Stanzas{"push juliet@localhost remove",
                     "presence unavailable juliet@localhost/balcony", "result"}));
  const Stanzas got = juliet->take();
  for (const char* wanted :
       {"presence unsubscribe romeo@localhost", "presence unsubscribed romeo@localhost",
        "presence unavailable romeo@localhost/orchard", "push romeo@localhost none"}) {
    EXPECT_EQ(std::count(got.begin(), got.end(), wanted), 1) << wanted;
  }
  EXPECT_EQ(roster_get(*juliet), Stanzas{"result romeo@localhost none"});
}

// RFC 6121 §3.1.3, hardening S11
TEST_F(Subscriptions, WithNobodyWaitForEverAndSayNothing) {
  auto romeo = log_in("romeo@localhost/orchard");
  request(*romeo, "subscribe", "nobody@localhost");
  EXPECT_EQ(romeo->take(), Stanzas{"push nobody@localhost none ask"});
}

TEST_F(Subscriptions, AreRefusedWhereTheyCannotBe) {
  auto romeo = log_in("romeo@localhost/orchard");
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"juliet@elsewhere.example", "remote-server-not-found"},
      {"localhost", "service-unavailable"},
      {"romeo@localhost", "not-allowed"},
  };
  for (const auto& [to, condition] : wrong) {
    request(*romeo, "subscribe", to);
    EXPECT_EQ(romeo->take(), Stanzas{"error " + condition}) << to;
  }
  EXPECT_EQ(roster_get(*romeo), Stanzas{"result"});
}

// RFC 6121 §3.1.3: an account that is away is asked when it comes, until it answers.
TEST_F(Requests, WaitForTheAccountToComeAndForItsAnswer) {
  auto romeo = log_in("romeo@localhost/orchard");
  send(*romeo, "<presence type='subscribe' to='juliet@localhost'><status>me</status></presence>");
  for (int login = 0; login < 2; ++login) {
    auto juliet = bind("juliet@localhost/balcony");
    send(*juliet, "<presence/>");
    EXPECT_EQ(juliet->take(), (Stanzas{"presence juliet@localhost/balcony",
                                       "presence subscribe romeo@localhost 'me'"}));
    EXPECT_EQ(roster_get(*juliet), Stanzas{"result"}) << "a request is shown as a contact";
  }
  auto juliet = bind("juliet@localhost/balcony");
  send(*juliet, "<presence/>");
  request(*juliet, "unsubscribed", "romeo@localhost");
  juliet = bind("juliet@localhost/balcony");
  send(*juliet, "<presence/>");
  EXPECT_EQ(juliet->take(), Stanzas{"presence juliet@localhost/balcony"});
}

TEST_F(Requests, AreRefusedByTheServerWhenTooManyWait) {
  Rosters strict(documents_, router_, blocks_, {.requests_max = 1});
  auto romeo = log_in("romeo@localhost/orchard");
  auto paris = log_in("paris@localhost/palace");
  const auto ask = [&](const std::string& who) {
    asio::co_spawn(loops_.front()->loop.executor(),
                   strict.request(jid(who), jid("juliet@localhost"), SubscriptionRequest::subscribe,
                                  "<presence type='subscribe'/>", *loops_.front()),
                   [](std::exception_ptr, const Rosters::Refusal&) {});
    turn();
  };
  ask("romeo@localhost");
  ask("paris@localhost");
  EXPECT_EQ(romeo->take(), Stanzas{"push juliet@localhost none ask"});
  const Stanzas got = paris->take();
  EXPECT_EQ(std::count(got.begin(), got.end(), "presence unsubscribed juliet@localhost"), 1);
  EXPECT_EQ(roster_get(*paris), Stanzas{"result juliet@localhost none"});
}

// RFC 6120 §10.1
TEST_F(Requests, AreCarriedOutInTheirOrder) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  for (const char* type : {"subscribe", "unsubscribe", "subscribe", "unsubscribe"}) {
    romeo->session->on_stanza(
        *xmpp::Stanza::parse("<presence type='" + std::string(type) + "' to='juliet@localhost'/>"));
  }
  romeo->session.reset();  // What was taken is done, also when the client is gone.
  turn();
  EXPECT_EQ(
      juliet->take(),
      (Stanzas{"presence subscribe romeo@localhost", "presence unsubscribe romeo@localhost",
               "presence subscribe romeo@localhost", "presence unsubscribe romeo@localhost"}));
}

// RFC 6121 §4.2, §4.3
TEST_F(Presence, IsExchangedAtLoginWithThoseWhoMaySeeIt) {
  {
    auto romeo = log_in("romeo@localhost/orchard");
    auto juliet = log_in("juliet@localhost/balcony");
    befriend(*romeo, *juliet);
  }
  auto tybalt = log_in("tybalt@localhost/street");
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = bind("juliet@localhost/balcony");
  send(*juliet, "<presence><status>here</status></presence>");
  EXPECT_EQ(juliet->take(), (Stanzas{"presence juliet@localhost/balcony 'here'",
                                     "presence romeo@localhost/orchard"}));
  EXPECT_EQ(romeo->take(), Stanzas{"presence juliet@localhost/balcony 'here'"});
  EXPECT_EQ(tybalt->take(), Stanzas{});

  send(*juliet, "<presence><show>away</show><status>brb</status></presence>");
  EXPECT_EQ(romeo->take(), Stanzas{"presence juliet@localhost/balcony 'brb'"});
  send(*juliet, "<presence type='unavailable'><status>bye</status></presence>");
  EXPECT_EQ(romeo->take(), Stanzas{"presence unavailable juliet@localhost/balcony 'bye'"});
  juliet->session.reset();
  turn();
  EXPECT_EQ(romeo->take(), Stanzas{}) << "told twice";
}

// RFC 6121 §4.5
TEST_F(Presence, EndsForThoseWhoSawItWhenTheSessionEnds) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  befriend(*romeo, *juliet);
  juliet->session.reset();
  turn();
  EXPECT_EQ(romeo->take(), Stanzas{"presence unavailable juliet@localhost/balcony"});
}

// RFC 6121 §4.6
TEST_F(Presence, ThatWasDirectedEndsWithTheSession) {
  auto tybalt = log_in("tybalt@localhost/street");
  auto juliet = log_in("juliet@localhost/balcony");
  send(*juliet, "<presence to='tybalt@localhost/street'/>");
  EXPECT_EQ(tybalt->take(), Stanzas{"presence juliet@localhost/balcony"});
  send(*juliet, "<presence><status>changed</status></presence>");
  EXPECT_EQ(tybalt->take(), Stanzas{}) << "RFC 6121 §4.6.3";
  juliet->session.reset();
  turn();
  EXPECT_EQ(tybalt->take(), Stanzas{"presence unavailable juliet@localhost/balcony"});
}

// RFC 6121 §4.3.2, hardening S11
TEST_F(Presence, IsNotGivenToWhoMayNotSeeIt) {
  auto juliet = log_in("juliet@localhost/balcony");
  auto tybalt = log_in("tybalt@localhost/street");
  request(*tybalt, "probe", "juliet@localhost");
  request(*tybalt, "probe", "nobody@localhost");
  EXPECT_EQ(tybalt->take(), Stanzas{});
}

TEST_F(Presence, OfADeadNodesSessionsIsTakenBackFromThoseWhoSawIt) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  auto tybalt = log_in("tybalt@localhost/street");
  befriend(*romeo, *juliet);
  const GoneSessions gone = {{"juliet@localhost", {jid("juliet@localhost/tablet")}},
                             {"romeo@localhost", {jid("romeo@localhost/phone")}}};
  for (Client* client : {romeo.get(), juliet.get(), tybalt.get()}) client->session->on_gone(gone);
  const Stanzas both = {"presence unavailable juliet@localhost/tablet",
                        "presence unavailable romeo@localhost/phone"};
  for (Client* client : {romeo.get(), juliet.get()}) {
    Stanzas got = client->take();
    std::sort(got.begin(), got.end());
    EXPECT_EQ(got, both);
  }
  EXPECT_EQ(tybalt->take(), Stanzas{});
}

TEST_F(Presence, OfANodeThatIsBackIsAskedForAnew) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  befriend(*romeo, *juliet);
  romeo->session->on_node_back(replication::self_ref);
  turn();
  EXPECT_EQ(romeo->take(), Stanzas{"presence juliet@localhost/balcony"});
}

// G5: while the roster cannot be read the session is there, and contacts learn of it afterwards.
TEST_F(Presence, ReachesContactsOnceTheDatabaseIsBack) {
  auto romeo = log_in("romeo@localhost/orchard");
  {
    auto juliet = log_in("juliet@localhost/balcony");
    befriend(*romeo, *juliet);
  }
  turn();
  romeo->take();
  documents_.is_away = true;
  auto juliet = log_in("juliet@localhost/balcony");
  EXPECT_EQ(romeo->take(), Stanzas{});
  EXPECT_EQ(roster_set(*juliet, "<item jid='nurse@localhost'/>"),
            Stanzas{"error resource-constraint"});
  request(*juliet, "subscribe", "nurse@localhost");
  EXPECT_EQ(juliet->take(), Stanzas{"error resource-constraint"});
  documents_.is_away = false;
  Stanzas got;
  EXPECT_TRUE(tests::eventually(std::chrono::seconds(10), [&] {
    turn();
    got = romeo->take();
    return !got.empty();
  }));
  EXPECT_EQ(got, Stanzas{"presence juliet@localhost/balcony"});
}

// Hardening, limits: presence.
TEST_F(Presence, HasAMaximumSize) {
  auto juliet = log_in("juliet@localhost/balcony");
  send(*juliet, "<presence><status>" + std::string(8192, 'x') + "</status></presence>");
  EXPECT_EQ(juliet->take(), Stanzas{"error policy-violation"});
}

// A push that was lost, or passed another, must not leave the session with a wrong list.
TEST_F(Presence, FollowsWhatIsStoredWhenAPushIsMissed) {
  auto romeo = log_in("romeo@localhost/orchard");
  auto juliet = log_in("juliet@localhost/balcony");
  befriend(*romeo, *juliet);
  const auto version =
      Roster::parse(documents_.documents[{"juliet@localhost", "roster"}])->version();
  for (const int step : {-2, 3}) {
    const auto wrong = xmpp::Stanza::parse(
        "<iq type='set' id='x'>" +
        push_query({"romeo@localhost", "", {}, {}, true, 0, ""},
                   static_cast<std::uint64_t>(static_cast<std::int64_t>(version) + step)) +
        "</iq>");
    const int loads = documents_.loads;
    juliet->session->deliver(
        routed(*wrong, jid("juliet@localhost"), jid("juliet@localhost/balcony")));
    turn();
    EXPECT_GT(documents_.loads, loads);
  }
}

TEST(ContactList, HoldsWhoSeesWhom) {
  Roster roster;
  const RosterLimits limits;
  for (const char* name : {"a@x", "b@x", "c@x"}) roster.set(name, "", {}, limits);
  roster.send("b@x", SubscriptionRequest::subscribe, limits);
  roster.receive("b@x", SubscriptionRequest::subscribed, "", limits);
  ContactList list(roster);
  EXPECT_TRUE(list.find("b@x").to);
  EXPECT_FALSE(list.find("b@x").from);
  EXPECT_FALSE(list.find("a@x").to);
  const std::string longest(2000, 'l');
  list.set({longest, false, true});
  list.set({"a@x", true, true});
  list.set({"b@x", false, false});
  EXPECT_TRUE(list.find(longest).from);
  EXPECT_TRUE(list.find("a@x").from && list.find("a@x").to);
  EXPECT_FALSE(list.find("b@x").to);
  std::size_t count = 0;
  list.for_each([&](const ContactList::Contact&) { ++count; });
  EXPECT_EQ(count, 2U);
}

}  // namespace
}  // namespace server
