// XEP-0313: what people said to each other is in the archives of both, once, whichever nodes they
// are on and whatever becomes of them; and until it is, its sender is told of nothing (G1, G5).

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/cluster/archive_talk.h"
#include "tests/support/eventually.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

// XEP-0313 §4.4; RFC 6120 §10.1
TEST_F(Archive, GivesBothOwnersOnAnyNodeWhatWasSaidInItsOrder) {
  start(2);
  XmppClient romeo = client_at(node(0), "romeo", "orchard");
  XmppClient juliet = client_at(node(1), "juliet", "balcony");
  for (int n = 1; n <= 100; ++n) {
    XmppClient& speaker = n % 2 == 1 ? romeo : juliet;
    XmppClient& listener = n % 2 == 1 ? juliet : romeo;
    say(speaker, n % 2 == 1 ? "juliet@localhost" : romeo.jid(), std::to_string(n));
    ASSERT_EQ(body_of(*listener.receive_message()), std::to_string(n));
  }
  EXPECT_TRUE(eventually(XmppClient::patience, [&] { return archive_of(juliet).size() == 100; }));
  EXPECT_EQ(archive_of(juliet), numbers(100));
  EXPECT_EQ(archive_of(romeo), numbers(100));
  const Answer last = ask_archive(juliet, set("<max>2</max><before/>") + "<flip-page/>");
  EXPECT_EQ(last.bodies, (Bodies{"100", "99"}));
  EXPECT_EQ(last.last, last.ids.front());
  EXPECT_EQ(ask_archive(juliet, form("with", "nurse@localhost")).bodies, Bodies{});
  EXPECT_EQ(ask_archive(juliet, form("with", romeo.jid()) + set("<max>1</max>")).bodies,
            Bodies{"1"});
}

// XEP-0359 §3, hardening S5: the id is that of the archive, and nobody else's word.
TEST_F(Archive, TellsARecipientTheIdOfEachMessageAndLetsNobodyForgeIt) {
  start(2);
  XmppClient romeo = client_at(node(0), "romeo", "orchard");
  XmppClient juliet = client_at(node(1), "juliet", "balcony");
  const std::string forged =
      "<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@localhost' id='f1'/>"
      "<stanza-id xmlns='urn:xmpp:sid:0' by='Juliet@LOCALHOST' id='f2'/>"
      "<s:stanza-id xmlns:s='urn:xmpp:sid:&#48;' by='localhost' id='f3'/>"
      "<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@localhost' id='f4'/>"
      "<stanza-id xmlns='urn:xmpp:sid:0' id='f5'/>";
  const std::string foreign =
      "<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>"
      "<stanza-id xmlns='urn:xmpp:sid:0' by='room@elsewhere.example' id='r1'/>";
  for (const std::string& more : {std::string(), foreign, forged, forged + foreign}) {
    say(romeo, "juliet@localhost", "hello", "chat", more);
    const auto message = juliet.receive_message();
    ASSERT_TRUE(message);
    std::vector<std::string> ids;
    for (const xmpp::Element child : xmpp::children(message->root())) {
      if (child.name() == "stanza-id") ids.emplace_back(child.attr("id"));
    }
    ASSERT_FALSE(ids.empty()) << message->to_string();
    EXPECT_EQ(ids.size(), more.ends_with(foreign) ? 2U : 1U) << message->to_string();
    EXPECT_EQ(ids.front() == "r1", more.ends_with(foreign)) << message->to_string();
    EXPECT_TRUE(eventually(XmppClient::patience, [&] {
      return ask_archive(juliet, set("<max>1</max><before/>")).ids == Bodies{ids.back()};
    })) << message->to_string();
  }
  // Neither where it gets no id of ours.
  romeo.send("<message to='juliet@localhost/balcony' type='headline'>" + forged + "</message>");
  const auto headline = juliet.receive_message();
  ASSERT_TRUE(headline);
  EXPECT_EQ(headline->to_string().find("stanza-id"), std::string::npos) << headline->to_string();
}

// hardening S9
TEST_F(Archive, IsItsOwnersAlone) {
  start(1);
  XmppClient romeo = client_at(node(0), "romeo", "orchard");
  XmppClient juliet = client_at(node(0), "juliet", "balcony");
  say(juliet, juliet.jid(), "a secret");
  ASSERT_TRUE(juliet.receive_message());
  std::string id;
  ASSERT_TRUE(eventually(XmppClient::patience, [&] {
    const Answer all = ask_archive(juliet, "");
    if (!all.ids.empty()) id = all.ids.front();
    return !id.empty();
  }));
  EXPECT_EQ(ask_archive(romeo, "", "juliet@localhost").condition, "forbidden");
  EXPECT_EQ(ask_archive(romeo, "", "nobody@localhost").condition, "forbidden");
  EXPECT_EQ(ask_archive(romeo, form("ids", id)).condition, "item-not-found");
  EXPECT_EQ(ask_archive(romeo, set("<after>" + id + "</after>")).condition, "item-not-found");
  EXPECT_EQ(ask_archive(juliet, form("ids", id)).bodies, Bodies{"a secret"});
  // What looks like an answer of the archive comes from it alone.
  romeo.send(
      "<message to='juliet@localhost/balcony' type='chat'><body>look</body>"
      "<result xmlns='urn:xmpp:mam:2' id='1'/></message>");
  const auto message = juliet.receive_message();
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->root().child("result", xmpp::ns::archive)) << message->to_string();
}

// XEP-0313 §6.1, XEP-0334, XEP-0441
TEST_F(Archive, KeepsWhatIsOfUseLaterAndWanted) {
  start(1);
  XmppClient romeo = client_at(node(0), "romeo", "orchard");
  XmppClient juliet = client_at(node(0), "juliet", "balcony");
  say(romeo, "juliet@localhost", "no-store", "chat", "<no-store xmlns='urn:xmpp:hints'/>");
  say(romeo, "juliet@localhost", "for a while", "chat",
      "<no-permanent-store xmlns='urn:xmpp:hints'/>");
  say(romeo, "juliet@localhost", "headline", "headline");
  romeo.send(
      "<message to='juliet@localhost' type='chat'>"
      "<composing xmlns='http://jabber.org/protocol/chatstates'/></message>");
  romeo.send(
      "<message to='juliet@localhost' type='chat' id='r'>"
      "<received xmlns='urn:xmpp:receipts' id='1'/></message>");
  say(romeo, "juliet@localhost", "kept");
  while (body_of(*juliet.receive_message()) != "kept") continue;
  EXPECT_TRUE(eventually(XmppClient::patience, [&] { return archive_of(juliet).size() == 2; }));
  EXPECT_EQ(archive_of(juliet), (Bodies{"", "kept"}));

  juliet.send(
      "<iq type='set' id='prefs'><prefs xmlns='urn:xmpp:mam:2' default='always'>"
      "<never><jid>romeo@localhost</jid></never></prefs></iq>");
  while (const auto answer = juliet.receive()) {
    if (answer->id() != "prefs") continue;
    EXPECT_EQ(answer->type(), "result");
    break;
  }
  // It is acknowledged all the same, by the rules for what is in no archive.
  XmppClient careful = client_at(node(0), "romeo", "careful", false);
  enable_acks(careful);
  say(careful, "juliet@localhost", "not for her archive");
  EXPECT_EQ(body_of(*juliet.receive_message()), "not for her archive");
  careful.send(request);
  while (next_ack(careful) != "1") continue;
  EXPECT_EQ(archive_of(juliet).size(), 2U);
  EXPECT_EQ(archive_of(romeo).back(), "not for her archive");
}

// XEP-0313 §4.1.6, §5; XEP-0441 §2
TEST_F(Archive, SaysWhatItHasAndWhatItIsAsked) {
  start(1);
  XmppClient romeo = client_at(node(0), "romeo", "orchard");
  const auto ask = [&](const std::string& payload) {
    const auto answer = romeo.ask("romeo@localhost", payload);
    EXPECT_TRUE(answer) << payload;
    return answer ? answer->root().first_child().to_string() : "nothing";
  };
  const std::string metadata = "<metadata xmlns='urn:xmpp:mam:2'/>";
  EXPECT_EQ(ask(metadata), metadata);
  for (int n = 1; n <= 3; ++n) say(romeo, "juliet@localhost", std::to_string(n));
  ASSERT_TRUE(eventually(XmppClient::patience, [&] { return archive_of(romeo).size() == 3; }));
  const Bodies ids = ask_archive(romeo, "").ids;
  const std::string ends = ask(metadata);
  EXPECT_NE(ends.find("<start id='" + ids.front() + "' timestamp='"), std::string::npos) << ends;
  EXPECT_NE(ends.find("<end id='" + ids.back() + "' timestamp='"), std::string::npos) << ends;

  const std::string fields = ask("<query xmlns='urn:xmpp:mam:2'/>");
  for (const char* field : {"with", "start", "end", "before-id", "after-id", "ids"}) {
    EXPECT_NE(fields.find("var='" + std::string(field) + "'"), std::string::npos) << fields;
  }
  const std::string prefs = ask("<prefs xmlns='urn:xmpp:mam:2'/>");
  EXPECT_NE(prefs.find("default='always'"), std::string::npos) << prefs;
  EXPECT_NE(prefs.find("<always/><never/>"), std::string::npos) << prefs;
}

// hardening X15
TEST_F(Archive, LeavesOutWhatIsNoMessageAnyMore) {
  start(1);
  XmppClient romeo = client_at(node(0), "romeo", "orchard");
  for (int n = 1; n <= 3; ++n) say(romeo, "juliet@localhost", std::to_string(n));
  ASSERT_TRUE(eventually(XmppClient::patience, [&] { return archive_of(romeo).size() == 3; }));
  database_->sql("UPDATE archive SET stanza = '<message' WHERE stanza LIKE '%<body>2<%'",
                 "archive");
  EXPECT_EQ(archive_of(romeo), (Bodies{"1", "3"}));
  EXPECT_EQ(metric(node(0), "meerkat_archive_unreadable_total"), "1");
}

// hardening E8: 4 MB of answers fit no send queue of 1 MiB, but a client gets them as it reads.
TEST_F(Archive, SendsNoMoreAtOnceThanAClientReads) {
  start(1);
  XmppClient romeo = client_at(node(0), "romeo", "orchard");
  const std::string long_text(50'000, 'x');
  for (int n = 1; n <= 12; ++n) say(romeo, "juliet@localhost", std::to_string(n) + long_text);
  ASSERT_TRUE(eventually(XmppClient::patience, [&] { return archive_of(romeo).size() == 12; }));
  constexpr int queries = 20;
  for (int n = 0; n < queries; ++n) {
    romeo.send("<iq type='set' id='many" + std::to_string(n) +
               "'><query xmlns='urn:xmpp:mam:2'/></iq>");
  }
  int answered = 0, results = 0;
  while (answered < queries) {
    const auto stanza = romeo.receive();
    ASSERT_TRUE(stanza) << "after " << answered << " answers";
    if (stanza->root().child("result", xmpp::ns::archive)) ++results;
    if (!stanza->id().starts_with("many")) continue;
    EXPECT_EQ(stanza->type(), "result");
    ++answered;
  }
  EXPECT_EQ(results, queries * 2);  // Of 100 KB each, as their ids are their bodies.
}

// G1, G5: while the database answers nothing, people go on, and nobody is told that it is safe.
TEST_F(Archive, WaitsForTheDatabaseWithItsAcksAndLosesNothing) {
  start(2);
  XmppClient juliet = client_at(node(1), "juliet", "balcony", false);
  enable_acks(juliet);
  juliet.send(available);
  XmppClient romeo = client_at(node(0), "romeo", "orchard", false);
  enable_acks(romeo);
  ASSERT_TRUE(juliet.ask("localhost", "<ping xmlns='urn:xmpp:ping'/>"));
  say(romeo, "juliet@localhost", "1");
  EXPECT_EQ(hear(juliet, 1), Bodies{"1"});
  romeo.send(request);
  while (next_ack(romeo) != "1") continue;

  database_->stop();
  for (int n = 2; n <= 300; ++n) {
    say(romeo, "juliet@localhost", std::to_string(n));
    ASSERT_EQ(body_of(*juliet.receive_message()), std::to_string(n));
  }
  acknowledge(juliet, 302);              // She has them all, and they are not safe for all that.
  say(romeo, "nurse@localhost", "301");  // Who does not exist; his own archive has it.
  romeo.send(request);
  EXPECT_EQ(next_ack(romeo), "1");
  EXPECT_EQ(next_ack(romeo, 2s), "none");

  database_->start();
  romeo.send(request);
  for (std::string acked; acked != "301";) {
    acked = next_ack(romeo);
    ASSERT_NE(acked, "none");
    if (acked != "301") romeo.send(request);
  }
  EXPECT_EQ(archive_of(romeo), numbers(301));
  EXPECT_EQ(archive_of(juliet), numbers(300));
}

// G1: each message that was acknowledged is in both archives once, though its node was killed.
TEST_F(Archive, HasAllThatWasAcknowledgedByANodeThatDied) {
  start(2);
  XmppClient juliet = client_at(node(1), "juliet", "balcony");
  XmppClient romeo = client_at(node(0), "romeo", "orchard", false);
  enable_acks(romeo);
  int sent = 0, acked = 0;
  while (acked < 100) {
    for (int n = 0; n < 20; ++n) say(romeo, "juliet@localhost", std::to_string(++sent));
    romeo.send(request);
    acked = std::stoi(next_ack(romeo));
  }
  for (int n = 0; n < 100; ++n) say(romeo, "juliet@localhost", std::to_string(++sent));
  node(0).kill();
  XmppClient again = client_at(node(1), "romeo", "orchard");
  const Bodies hers = archive_of(juliet);
  EXPECT_EQ(archive_of(again), hers);
  EXPECT_GE(hers.size(), static_cast<std::size_t>(acked));
  EXPECT_EQ(hers, numbers(static_cast<int>(hers.size())));
}

// XEP-0160: who is not there gets what was said from the offline store, with its archive's id.
TEST_F(Archive, IsNoReplacementForTheOfflineStore) {
  start(2);
  XmppClient romeo = client_at(node(0), "romeo", "orchard", false);
  enable_acks(romeo);
  for (int n = 1; n <= 20; ++n) say(romeo, "juliet@localhost", std::to_string(n));
  romeo.send(request);
  while (next_ack(romeo) != "20") romeo.send(request);
  XmppClient juliet = client_at(node(1), "juliet", "balcony", false);
  juliet.send(available);
  Bodies ids;
  for (int n = 1; n <= 20; ++n) {
    const auto message = juliet.receive_message();
    ASSERT_TRUE(message);
    EXPECT_EQ(body_of(*message), std::to_string(n));
    ids.emplace_back(message->root().child("stanza-id", xmpp::ns::stanza_ids).attr("id"));
  }
  EXPECT_EQ(ask_archive(juliet, "").ids, ids);
}

// The embedded store has the archive, too.
TEST(ArchiveAlone, OutlivesItsNode) {
  NodeProcess node({});
  node.start();
  node.wait_until_ready();
  for (const char* user : {"juliet", "romeo"}) {
    node.add_user(std::string(user) + "@localhost", user);
  }
  {
    XmppClient romeo = client_at(node, "romeo", "orchard", false);
    enable_acks(romeo);
    for (int n = 1; n <= 50; ++n) say(romeo, "juliet@localhost", std::to_string(n));
    romeo.send(request);
    while (next_ack(romeo) != "50") romeo.send(request);
  }
  node.kill();
  node.start();
  node.wait_until_ready();
  XmppClient juliet = client_at(node, "juliet", "balcony", false);
  EXPECT_EQ(archive_of(juliet), numbers(50));
}

}  // namespace
}  // namespace tests
