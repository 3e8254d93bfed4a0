// Messages for people who are not there, and what an acknowledged message survives without the
// archive (archive_test.cc has the same with it): whole nodes, on the embedded store and on MySQL.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/cluster/talk.h"
#include "tests/support/eventually.h"
#include "tests/support/mariadb.h"
#include "tests/support/node_process.h"
#include "tests/support/xmpp_client.h"
#include "xmpp/namespaces.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

constexpr const char* without_archive = "--archive-enabled=false";

/// A node or a cluster, and what stands in its place after a restart.
class Offline : public testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() { database_ = std::make_unique<MariaDb>(); }
  static void TearDownTestSuite() { database_.reset(); }

  void start(std::vector<std::string> flags = {}) {
    flags.emplace_back(without_archive);
    if (GetParam() == "mysql") {
      static int made = 0;
      cluster_ = std::make_unique<ClusterOfNodes>(*database_, "offline" + std::to_string(++made), 2,
                                                  std::move(flags));
      return;
    }
    NodeProcessOptions options;
    options.flags = std::move(flags);
    alone_ = std::make_unique<NodeProcess>(std::move(options));
    alone_->start();
    alone_->wait_until_ready();
    for (const char* user : {"juliet", "romeo"}) {
      alone_->add_user(std::string(user) + "@localhost", user);
    }
  }

  NodeProcess& one() { return cluster_ ? cluster_->node(0) : *alone_; }
  NodeProcess& other() { return cluster_ ? cluster_->node(1) : *alone_; }

  static inline std::unique_ptr<MariaDb> database_;
  std::unique_ptr<ClusterOfNodes> cluster_;
  std::unique_ptr<NodeProcess> alone_;
};

INSTANTIATE_TEST_SUITE_P(On, Offline, testing::Values("sqlite", "mysql"),
                         [](const auto& info) { return info.param; });

// XEP-0160 §3, XEP-0203, RFC 6121 §8.5.2.2.1
TEST_P(Offline, GivesWhatWasSentMeanwhileInOrderWithTheTimeOnceToWhoComes) {
  start();
  XmppClient romeo = client_at(one(), "romeo", "orchard");
  Bodies sent;
  for (int n = 1; n <= 20; ++n) {
    sent.push_back("message " + std::to_string(n));
    say(romeo, "juliet@localhost", sent.back(), n % 2 == 0 ? "chat" : "normal");
  }
  EXPECT_EQ(romeo.receive_message(nothing_comes), std::nullopt);

  XmppClient juliet = client_at(other(), "juliet", "balcony");
  const auto first = juliet.receive_message();
  ASSERT_TRUE(first);
  const auto delay = first->root().child("delay", "urn:xmpp:delay");
  ASSERT_TRUE(delay) << first->to_string();
  EXPECT_EQ(delay.attr("from"), "localhost");
  EXPECT_EQ(delay.attr("stamp").size(), std::string("2026-01-01T00:00:00.000Z").size());
  EXPECT_EQ(first->from(), "romeo@localhost/orchard");
  Bodies got = hear(juliet, sent.size() - 1);
  got.insert(got.begin(), body_of(*first));
  EXPECT_EQ(got, sent);

  XmppClient second = client_at(one(), "juliet", "chamber");
  EXPECT_EQ(hear(second, 0), Bodies{});
}

// RFC 6120 §10.1: in the order of sending, also where some had to wait in the store.
TEST_P(Offline, LetsNoMessageComeBeforeThoseThatWereStoredBeforeIt) {
  start();
  XmppClient romeo = client_at(one(), "romeo", "orchard");
  for (int turn = 0; turn < 5; ++turn) {
    Bodies sent;
    const auto send = [&](int count) {
      for (int n = 0; n < count; ++n) {
        sent.push_back(std::to_string(sent.size()));
        say(romeo, "juliet@localhost", sent.back());
      }
    };
    send(10);
    XmppClient juliet = client_at(other(), "juliet", "balcony", false);
    send(10);
    juliet.send(available);
    send(10);  // Into the store, or to her: as it happens.
    EXPECT_EQ(hear(juliet, sent.size()), sent);
    // The next turn's messages would be written to a session that is not known to be over.
    juliet.send("</stream:stream>");
    EXPECT_TRUE(eventually(XmppClient::patience, [&] {
      const auto answer = romeo.ask(juliet.jid(), "<ping xmlns='urn:xmpp:ping'/>", 100ms);
      return answer && answer->type() == "error";
    }));
  }
}

// RFC 6121 §8.5.2.1.1, XEP-0160 §3
TEST_P(Offline, WaitsForAClientThatWantsMessages) {
  start();
  XmppClient romeo = client_at(one(), "romeo", "orchard");
  XmppClient juliet = client_at(other(), "juliet", "balcony", false);
  say(romeo, "juliet@localhost", "to nobody");
  juliet.send("<presence><priority>-1</priority></presence>");
  EXPECT_EQ(hear(juliet, 0), Bodies{});
  say(romeo, "juliet@localhost", "to a negative priority");
  ASSERT_TRUE(romeo.ask("localhost", "<ping xmlns='urn:xmpp:ping'/>"));  // It is handled.
  juliet.send("<presence><priority>1</priority></presence>");
  EXPECT_EQ(hear(juliet, 2), (Bodies{"to nobody", "to a negative priority"}));
  juliet.send("<presence><priority>2</priority></presence>");
  EXPECT_EQ(hear(juliet, 0), Bodies{});
}

// XEP-0160 §3, XEP-0334, XEP-0085, RFC 6121 §8.5.2.2.1
TEST_P(Offline, StoresOnlyWhatIsOfUseLater) {
  start();
  XmppClient romeo = client_at(one(), "romeo", "orchard");
  say(romeo, "juliet@localhost", "headline", "headline");
  say(romeo, "juliet@localhost", "groupchat", "groupchat");
  EXPECT_EQ(hear(romeo, 1), Bodies{"error"});
  say(romeo, "juliet@localhost", "no-store", "chat", "<no-store xmlns='urn:xmpp:hints'/>");
  EXPECT_EQ(hear(romeo, 1), Bodies{"error"});
  romeo.send(
      "<message to='juliet@localhost' type='chat'>"
      "<composing xmlns='http://jabber.org/protocol/chatstates'/></message>");
  EXPECT_EQ(hear(romeo, 1), Bodies{"error"});
  say(romeo, "juliet@localhost", "kept");
  XmppClient juliet = client_at(other(), "juliet", "balcony");
  EXPECT_EQ(hear(juliet, 1), Bodies{"kept"});
}

// hardening S11: who exists is not told, and a full account looks like none.
TEST_P(Offline, RefusesWhatGoesOverTheLimitAsIfThereWereNoAccount) {
  start({"--offline-messages-max=3"});
  XmppClient romeo = client_at(one(), "romeo", "orchard");
  const auto refusal_of = [&](const std::string& to) {
    say(romeo, to, "one too many");
    const auto answer = romeo.receive_message();
    std::string text = answer ? answer->to_string() : "nothing";
    for (std::size_t at = 0; (at = text.find(to)) != std::string::npos;) text.erase(at, to.size());
    return text;
  };
  for (const char* body : {"one", "two", "three"}) say(romeo, "juliet@localhost", body);
  const std::string refusal = refusal_of("juliet@localhost");
  EXPECT_NE(refusal.find("service-unavailable"), std::string::npos) << refusal;
  EXPECT_EQ(refusal, refusal_of("nobody@localhost"));
  XmppClient juliet = client_at(other(), "juliet", "balcony");
  EXPECT_EQ(hear(juliet, 3), (Bodies{"one", "two", "three"}));
}

// XEP-0198 §4: what the client has not acknowledged it may not have.
TEST_P(Offline, KeepsAMessageUntilTheClientHasAcknowledgedIt) {
  start();
  XmppClient romeo = client_at(one(), "romeo", "orchard");
  for (const char* body : {"one", "two", "three"}) say(romeo, "juliet@localhost", body);
  for (int n = 0; n < 2; ++n) {
    XmppClient juliet = client_at(n == 0 ? one() : other(), "juliet", "balcony", false);
    enable_acks(juliet);
    juliet.send(available);
    EXPECT_EQ(hear(juliet, 3), (Bodies{"one", "two", "three"}));
  }
  {
    XmppClient juliet = client_at(other(), "juliet", "balcony", false);
    enable_acks(juliet);
    juliet.send(available);
    EXPECT_EQ(hear(juliet, 3), (Bodies{"one", "two", "three"}));
    acknowledge(juliet, 3);  // Its own presence, and two of the messages.
    ASSERT_TRUE(juliet.ask("localhost", "<ping xmlns='urn:xmpp:ping'/>"));
  }
  XmppClient juliet = client_at(one(), "juliet", "balcony");
  EXPECT_EQ(hear(juliet, 1), Bodies{"three"});
}

// G1: `<a/>` says that a message is safe, which one that a client was merely sent is not.
TEST_P(Offline, AcknowledgesAMessageWhenItsRecipientDidOrElseWhenItIsStored) {
  start();
  XmppClient romeo = client_at(one(), "romeo", "orchard", false);
  XmppClient juliet = client_at(other(), "juliet", "balcony", false);
  enable_acks(romeo);
  enable_acks(juliet);
  juliet.send(available);
  romeo.send(available);
  say(romeo, "juliet@localhost/balcony", "first");
  EXPECT_EQ(hear(juliet, 1), Bodies{"first"});
  acknowledge(juliet, 2);
  romeo.send(request);
  EXPECT_EQ(next_ack(romeo), "2");  // Presence and the message.

  say(romeo, "juliet@localhost/balcony", "second");
  romeo.send(request);
  EXPECT_EQ(next_ack(romeo), "2");  // Answered in time, if not with what it hoped for, …
  EXPECT_EQ(next_ack(romeo), "3");  // … and then without being asked again.
  acknowledge(juliet, 3);
  EXPECT_EQ(hear(juliet, 1), Bodies{"second"});
  XmppClient later = client_at(one(), "juliet", "chamber");
  EXPECT_EQ(hear(later, 0), Bodies{});  // Taken out with the ack.
}

class OfflineCluster : public testing::Test {
 protected:
  static void SetUpTestSuite() { database_ = std::make_unique<MariaDb>(); }
  static void TearDownTestSuite() { database_.reset(); }

  ClusterOfNodes cluster_of(std::size_t size) {
    static int made = 0;
    schema_ = "kill" + std::to_string(++made);
    return {*database_, schema_, size, {without_archive}};
  }

  static inline std::unique_ptr<MariaDb> database_;
  std::string schema_;  // Of the last one.
};

TEST_F(OfflineCluster, GivesEachMessageToOneOfTwoClientsThatComeAtOnceOnTwoNodes) {
  ClusterOfNodes cluster = cluster_of(2);
  XmppClient romeo = client_at(cluster.node(0), "romeo", "orchard");
  for (int n = 0; n < 50; ++n) say(romeo, "juliet@localhost", std::to_string(n));
  ASSERT_TRUE(romeo.ask("localhost", "<ping xmlns='urn:xmpp:ping'/>"));
  XmppClient here = client_at(cluster.node(0), "juliet", "here", false);
  XmppClient there = client_at(cluster.node(1), "juliet", "there", false);
  here.send(available);
  there.send(available);
  const std::size_t got_here = hear(here, 0).size();
  const std::size_t got_there = hear(there, 50 - got_here).size();
  EXPECT_EQ(got_here + got_there, 50U);
}

// G1, with each node of the way killed in turn.
TEST_F(OfflineCluster, LosesNoAcknowledgedMessageWithTheRecipientsNode) {
  ClusterOfNodes cluster = cluster_of(3);
  XmppClient romeo = client_at(cluster.node(0), "romeo", "orchard", false);
  enable_acks(romeo);
  XmppClient juliet = client_at(cluster.node(1), "juliet", "balcony", false);
  enable_acks(juliet);
  juliet.send(available);
  ASSERT_TRUE(juliet.ask("localhost", "<ping xmlns='urn:xmpp:ping'/>"));
  for (const char* body : {"stored", "not yet"}) {
    say(romeo, "juliet@localhost", body);
    EXPECT_EQ(body_of(*juliet.receive_message()), body);
    if (std::string(body) == "stored") {
      romeo.send(request);
      while (next_ack(romeo) != "1") continue;
    }
  }
  cluster.node(1).kill();
  XmppClient again = client_at(cluster.node(2), "juliet", "balcony");
  EXPECT_EQ(hear(again, 2), (Bodies{"stored", "not yet"}));
  romeo.send(request);
  while (next_ack(romeo) != "2") continue;
}

TEST_F(OfflineCluster, LosesNoAcknowledgedMessageWithTheSendersNodeAndDeliversItOnce) {
  ClusterOfNodes cluster = cluster_of(3);
  XmppClient romeo = client_at(cluster.node(0), "romeo", "orchard", false);
  enable_acks(romeo);
  XmppClient juliet = client_at(cluster.node(1), "juliet", "balcony", false);
  enable_acks(juliet);
  juliet.send(available);
  ASSERT_TRUE(juliet.ask("localhost", "<ping xmlns='urn:xmpp:ping'/>"));
  say(romeo, "juliet@localhost", "hello");
  EXPECT_EQ(body_of(*juliet.receive_message()), "hello");
  romeo.send(request);
  while (next_ack(romeo) != "1") continue;
  cluster.node(0).kill();
  // What the dead node held is offered to her; she has it.
  EXPECT_EQ(hear(juliet, 0), Bodies{});
  acknowledge(juliet, 3);
  ASSERT_TRUE(juliet.ask("localhost", "<ping xmlns='urn:xmpp:ping'/>"));
  XmppClient later = client_at(cluster.node(2), "juliet", "chamber");
  EXPECT_EQ(hear(later, 0), Bodies{});
}

// The sender's node has stored the message and is gone before it hears that it was acknowledged.
TEST_F(OfflineCluster, DeliversNothingAgainThatWasAcknowledgedToANodeThatDied) {
  ClusterOfNodes cluster = cluster_of(2);
  XmppClient romeo = client_at(cluster.node(0), "romeo", "orchard", false);
  enable_acks(romeo);
  XmppClient juliet = client_at(cluster.node(1), "juliet", "balcony", false);
  enable_acks(juliet);
  juliet.send(available);
  ASSERT_TRUE(juliet.ask("localhost", "<ping xmlns='urn:xmpp:ping'/>"));
  say(romeo, "juliet@localhost", "hello");
  EXPECT_EQ(body_of(*juliet.receive_message()), "hello");
  romeo.send(request);
  while (next_ack(romeo) != "1") continue;  // A second later: it is stored.
  cluster.node(0).pause();
  acknowledge(juliet, 3);
  ASSERT_TRUE(juliet.ask("localhost", "<ping xmlns='urn:xmpp:ping'/>"));
  cluster.node(0).kill();
  EXPECT_EQ(hear(juliet, 0), Bodies{});
  XmppClient later = client_at(cluster.node(1), "juliet", "chamber");
  EXPECT_EQ(hear(later, 0), Bodies{});
}

// design.md G5
TEST_F(OfflineCluster, TellsTheSenderToTryAgainWhileTheDatabaseIsAway) {
  ClusterOfNodes cluster = cluster_of(2);
  XmppClient romeo = client_at(cluster.node(0), "romeo", "orchard");
  database_->stop();
  say(romeo, "juliet@localhost", "hello");
  const auto answer = romeo.receive_message();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->type(), "error");
  const auto error = answer->root().child("error", xmpp::ns::client);
  EXPECT_EQ(error.attr("type"), "wait") << answer->to_string();
  database_->start();
}

// design.md G5: an ack that promises storage waits for the database, and comes without a hand.
TEST_F(OfflineCluster, AcknowledgesWhatItCannotStoreWhenTheDatabaseIsBack) {
  ClusterOfNodes cluster = cluster_of(2);
  XmppClient romeo = client_at(cluster.node(0), "romeo", "orchard", false);
  enable_acks(romeo);
  XmppClient juliet = client_at(cluster.node(1), "juliet", "balcony", false);
  enable_acks(juliet);
  juliet.send(available);
  ASSERT_TRUE(juliet.ask("localhost", "<ping xmlns='urn:xmpp:ping'/>"));
  database_->stop();
  say(romeo, "juliet@localhost/balcony", "hello");
  EXPECT_EQ(body_of(*juliet.receive_message()), "hello");  // She has it, but does not say so.
  romeo.send(request);
  EXPECT_EQ(next_ack(romeo), "0");
  EXPECT_EQ(next_ack(romeo, 2s), "none");
  database_->start();
  EXPECT_EQ(next_ack(romeo), "1");
}

// hardening X15: a damaged row costs its own message, and no other.
TEST_F(OfflineCluster, DeliversTheOthersWhenOneStoredMessageIsDamaged) {
  ClusterOfNodes cluster = cluster_of(1);
  XmppClient romeo = client_at(cluster.node(0), "romeo", "orchard");
  for (const char* body : {"one", "two", "three"}) say(romeo, "juliet@localhost", body);
  EXPECT_TRUE(eventually(20s, [&] {
    return database_->sql("SELECT COUNT(*) FROM offline_messages", schema_) == "3\n";
  }));
  database_->sql("UPDATE offline_messages SET stanza = '<message' WHERE stanza LIKE '%two%'",
                 schema_);
  XmppClient juliet = client_at(cluster.node(0), "juliet", "balcony");
  EXPECT_EQ(hear(juliet, 2), (Bodies{"one", "three"}));
}

}  // namespace
}  // namespace tests
