// Whole nodes with one database, on loopback, while things go wrong.

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/mariadb.h"
#include "tests/support/node_process.h"
#include "tests/support/xmpp_client.h"
#include "xmpp/namespaces.h"

namespace tests {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto exit_limit = 20s;
constexpr auto limit = 20s;  // For what has no bound of its own, on a machine that builds.
constexpr const char* ping = "<ping xmlns='urn:xmpp:ping'/>";

class Nodes : public testing::Test {
 protected:
  static void SetUpTestSuite() { database_ = std::make_unique<MariaDb>(); }
  static void TearDownTestSuite() { database_.reset(); }

  /// A cluster with an empty database of its own.
  static ClusterOfNodes cluster_of(std::size_t size, std::vector<std::string> flags = {}) {
    static int made = 0;
    return {*database_, "test" + std::to_string(++made), size, std::move(flags)};
  }

  static inline std::unique_ptr<MariaDb> database_;
};

XmppClient juliet_at(NodeProcess& node, const std::string& resource = "balcony") {
  return XmppClient::login(node.c2s_port(), "juliet@localhost/" + resource, "juliet");
}

XmppClient romeo_at(NodeProcess& node, const std::string& resource = "orchard") {
  return XmppClient::login(node.c2s_port(), "romeo@localhost/" + resource, "romeo");
}

void say(XmppClient& from, const std::string& to, const std::string& body) {
  from.send("<message type='chat' id='" + body + "' to='" + to + "'><body>" + body +
            "</body></message>");
}

/// What `to` gets of the next message within `patience`: its body, or "error: " and the id.
std::string next_message(XmppClient& to, std::chrono::milliseconds patience = limit) {
  const auto message = to.receive_message(patience);
  if (!message) return "nothing";
  if (message->type() == "error") return "error: " + std::string(message->id());
  return message->root().child("body", xmpp::ns::client).text();
}

/// Whether a message gets from one to the other. A session that was bound a moment ago may not be
/// known everywhere yet, and a message for it would be stored, or be given to another session of
/// its account. So a ping goes first, and again while it comes back as an error.
testing::AssertionResult reaches(XmppClient& from, XmppClient& to, Clock::time_point until) {
  static int said = 0;
  const std::string body = "message " + std::to_string(++said);
  const auto is_ping = [&](const std::optional<xmpp::Stanza>& stanza) {
    return stanza && stanza->kind() == xmpp::Stanza::Kind::iq && stanza->id() == body;
  };
  bool is_known = false;
  while (!is_known && Clock::now() < until) {
    from.send("<iq type='get' id='" + body + "' to='" + to.jid() + "'>" + ping + "</iq>");
    bool has_returned = false;
    while (!is_known && !has_returned && Clock::now() < until) {
      is_known = is_ping(to.receive(20ms));
      has_returned = is_ping(from.receive(1ms));
    }
  }
  say(from, to.jid(), body);
  std::string returned;
  while (Clock::now() < until) {
    if (next_message(to, 20ms) == body) return testing::AssertionSuccess();
    if (returned = next_message(from, 1ms); returned == "error: " + body) break;
  }
  return testing::AssertionFailure()
         << from.jid() << " does not reach " << to.jid()
         << (is_known ? ": " : ", which its node does not know: ") << returned;
}

/// Whether a message gets from one to the other and one back.
testing::AssertionResult can_chat(XmppClient& one, XmppClient& other,
                                  std::chrono::milliseconds patience = limit) {
  const auto until = Clock::now() + patience;
  auto there = reaches(one, other, until);
  return there ? reaches(other, one, until) : there;
}

/// Whether the node of `asker` knows of no session `jid`: it then answers in its place.
bool is_unknown_to(XmppClient& asker, const std::string& jid) {
  const auto answer = asker.ask(jid, ping, 100ms);
  return answer && answer->type() == "error";
}

std::string state_of(const NodeProcess& node, const std::string& name) {
  const json::value status = node.status_of(name);
  return status.is_object() ? std::string(status.at("state").as_string()) : "not there";
}

TEST_F(Nodes, ChatOnWhileAnotherIsKilledWhoseSessionsAreGoneWithinASecond) {
  ClusterOfNodes cluster = cluster_of(3);
  XmppClient juliet = juliet_at(cluster.node(0));
  XmppClient romeo = romeo_at(cluster.node(2));
  XmppClient lost = romeo_at(cluster.node(1), "lost");
  ASSERT_TRUE(can_chat(juliet, romeo));
  ASSERT_TRUE(can_chat(juliet, lost));
  ASSERT_TRUE(can_chat(romeo, lost));
  ASSERT_FALSE(is_unknown_to(juliet, lost.jid()));
  ASSERT_FALSE(is_unknown_to(romeo, lost.jid()));
  cluster.node(1).kill();
  const auto died = Clock::now();
  EXPECT_TRUE(eventually(1s, [&] { return is_unknown_to(juliet, lost.jid()); }));
  EXPECT_TRUE(eventually(1s, [&] { return is_unknown_to(romeo, lost.jid()); }));
  EXPECT_LT(Clock::now() - died, 1s);
  EXPECT_TRUE(can_chat(juliet, romeo));
}

// RFC 6120 §7.7.2.2, and over nodes.
TEST_F(Nodes, EndTheOlderOfTwoSessionsWithOneFullJidWithConflict) {
  ClusterOfNodes cluster = cluster_of(2);
  XmppClient older = juliet_at(cluster.node(0));
  XmppClient newer = juliet_at(cluster.node(1));
  EXPECT_EQ(older.receive_stream_error(), "conflict");
  XmppClient romeo = romeo_at(cluster.node(0));
  EXPECT_TRUE(can_chat(romeo, newer));
}

TEST_F(Nodes, AreNotHeldUpByOneThatIsPausedAndTakeItBack) {
  ClusterOfNodes cluster = cluster_of(3, {"--peers-silence-max=1s"});
  XmppClient juliet = juliet_at(cluster.node(0));
  XmppClient romeo = romeo_at(cluster.node(2));
  XmppClient paused = romeo_at(cluster.node(1), "paused");
  ASSERT_TRUE(can_chat(juliet, paused));
  cluster.node(1).pause();
  EXPECT_TRUE(can_chat(juliet, romeo, 2s));
  EXPECT_TRUE(eventually(limit, [&] { return state_of(cluster.node(0), "n2") == "unreachable"; }))
      << json::serialize(cluster.node(0).status());
  EXPECT_TRUE(can_chat(juliet, romeo, 2s));
  cluster.node(1).resume();
  EXPECT_TRUE(eventually(limit, [&] { return state_of(cluster.node(0), "n2") == "ready"; }))
      << json::serialize(cluster.node(0).status());
  EXPECT_TRUE(eventually(limit, [&] { return !is_unknown_to(juliet, paused.jid()); }));
  while (paused.receive(200ms)) {
  }  // The pings of the questions above.
  EXPECT_TRUE(can_chat(juliet, paused));
}

TEST_F(Nodes, TakeARestartedOneBack) {
  ClusterOfNodes cluster = cluster_of(2);
  XmppClient juliet = juliet_at(cluster.node(0));
  cluster.node(1).kill();
  cluster.node(1).start();
  cluster.node(1).wait_until_ready();
  XmppClient romeo = romeo_at(cluster.node(1));
  EXPECT_TRUE(can_chat(romeo, juliet));
}

TEST_F(Nodes, AllGetReadyWhenTheyStartAtOnce) {
  ClusterOfNodes cluster = cluster_of(4);  // Throws if one lacks another.
  XmppClient juliet = juliet_at(cluster.node(0));
  for (std::size_t index = 1; index < 4; ++index) {
    XmppClient romeo = romeo_at(cluster.node(index), "on node " + std::to_string(index));
    EXPECT_TRUE(can_chat(juliet, romeo));
  }
}

TEST_F(Nodes, ChatOnWithoutTheirDatabaseRefuseLoginsForNowAndRecover) {
  ClusterOfNodes cluster = cluster_of(2, {"--mysql-timeout=1s"});
  XmppClient juliet = juliet_at(cluster.node(0));
  XmppClient romeo = romeo_at(cluster.node(1));
  database_->stop();
  EXPECT_TRUE(can_chat(juliet, romeo, 2s));
  // RFC 6120 §6.5.10: "come back later", and not "wrong password".
  XmppClient late(cluster.node(0).c2s_port());
  late.start_tls("localhost");
  EXPECT_EQ(late.authenticate("juliet", "juliet"), "temporary-auth-failure");
  EXPECT_TRUE(cluster.node(0).is_ready()) << cluster.node(0).health("/readyz?verbose").body;
  database_->start();
  EXPECT_TRUE(eventually(limit, [&] {
    XmppClient again(cluster.node(0).c2s_port());
    again.start_tls("localhost");
    return again.authenticate("juliet", "juliet").empty();
  }));
  EXPECT_TRUE(can_chat(juliet, romeo));
  EXPECT_TRUE(eventually(limit, [&] {
    return cluster.node(1).health("/readyz").body == "ready\n";
  })) << cluster.node(1).health("/readyz?verbose").body;
}

TEST_F(Nodes, WaitForADatabaseThatIsLate) {
  ClusterOfNodes cluster = cluster_of(1);
  cluster.node(0).kill();
  database_->stop();
  cluster.node(0).start();
  EXPECT_TRUE(eventually(limit, [&] {
    return cluster.node(0).log().find("waiting_for_database") != std::string::npos;
  }));
  database_->start();
  cluster.node(0).wait_until_ready();
  EXPECT_NO_THROW(juliet_at(cluster.node(0)));
}

TEST_F(Nodes, EndWith69AndNameTheDatabaseThatStaysAway) {
  NodeProcessOptions options;
  options.database = database_.get();
  options.flags = {"--mysql-start-wait=1s"};
  NodeProcess node(std::move(options));
  database_->stop();
  node.start();
  EXPECT_EQ(node.wait_for_exit(exit_limit), 69);
  EXPECT_NE(node.log().find("the database cannot be reached in time"), std::string::npos)
      << node.log();
  database_->start();
}

TEST_F(Nodes, DrainOnSigterm) {
  ClusterOfNodes cluster = cluster_of(2, {"--drain-notice=500ms"});
  XmppClient juliet = juliet_at(cluster.node(0));
  XmppClient romeo = romeo_at(cluster.node(1));
  cluster.node(1).terminate();
  // Not ready at first, so that balancers look elsewhere; nobody is ended meanwhile.
  EXPECT_TRUE(eventually(limit, [&] {
    return cluster.node(1).health("/readyz").body.find("draining") != std::string::npos;
  }));
  EXPECT_EQ(romeo.receive_stream_error(), "system-shutdown");
  romeo.send("</stream:stream>");
  EXPECT_EQ(cluster.node(1).wait_for_exit(exit_limit), 0);
  EXPECT_TRUE(eventually(1s, [&] { return is_unknown_to(juliet, romeo.jid()); }));
  XmppClient elsewhere = romeo_at(cluster.node(0));
  EXPECT_TRUE(can_chat(juliet, elsewhere));
}

TEST_F(Nodes, NeverLetInOneThatHasAnotherSecret) {
  ClusterOfNodes cluster = cluster_of(2);
  XmppClient juliet = juliet_at(cluster.node(0));
  XmppClient romeo = romeo_at(cluster.node(1));
  NodeProcessOptions options;
  options.name = "stranger";
  options.secret = "another secret";
  NodeProcess& stranger = cluster.add(std::move(options));
  stranger.start();
  EXPECT_TRUE(eventually(limit, [&] {
    return cluster.node(0).log().find("link_refused") != std::string::npos ||
           cluster.node(1).log().find("link_refused") != std::string::npos;
  }));
  const auto refused_by = [&](const std::string& peer) {
    std::istringstream lines(stranger.log());
    for (std::string line; std::getline(lines, line);) {
      const bool is_refusal = line.find("link_refused") != std::string::npos;
      if (is_refusal && line.find("\"" + peer + "\"") != std::string::npos) return true;
    }
    return false;
  };
  EXPECT_TRUE(eventually(limit, [&] { return refused_by("n1") && refused_by("n2"); }))
      << stranger.log();
  EXPECT_FALSE(stranger.is_ready()) << stranger.health("/readyz?verbose").body;
  EXPECT_TRUE(can_chat(juliet, romeo, 2s));
  EXPECT_TRUE(cluster.node(0).is_ready());
  EXPECT_TRUE(cluster.node(1).is_ready());
}

TEST_F(Nodes, AreNoPeersOfThoseOfAnotherClusterInTheirDatabase) {
  ClusterOfNodes cluster = cluster_of(2);
  NodeProcessOptions options;
  options.name = "foreign";
  options.cluster = "another";
  NodeProcess& foreign = cluster.add(std::move(options));
  foreign.start();
  foreign.wait_until_ready();
  XmppClient juliet = juliet_at(cluster.node(0));
  XmppClient romeo = romeo_at(foreign);
  EXPECT_TRUE(is_unknown_to(juliet, romeo.jid()));
  EXPECT_EQ(state_of(cluster.node(0), "foreign"), "not there");
  EXPECT_EQ(state_of(foreign, "n1"), "not there");
}

// The messages are in the link, or in the dead node's memory: nobody has said that they arrived.
TEST_F(Nodes, KeepWhatWasOnItsWayToOneThatDied) {
  ClusterOfNodes cluster = cluster_of(2);
  XmppClient juliet = juliet_at(cluster.node(0));
  XmppClient romeo = romeo_at(cluster.node(1));
  ASSERT_TRUE(can_chat(juliet, romeo));
  cluster.node(1).pause();
  constexpr int count = 100;
  std::vector<std::string> sent;
  for (int number = 0; number < count; ++number) {
    const std::string id = "m" + std::to_string(number);
    say(juliet, romeo.jid(), id);
    sent.push_back(id);
  }
  EXPECT_EQ(next_message(juliet, 100ms), "nothing");  // It might still come back.
  cluster.node(1).kill();
  XmppClient again = romeo_at(cluster.node(0));
  std::vector<std::string> got;
  while (got.size() < sent.size()) {
    got.push_back(next_message(again));
    if (got.back() == "nothing") break;
  }
  EXPECT_EQ(got, sent);
  EXPECT_EQ(next_message(juliet, 100ms), "nothing");
}

// RFC 6121 §8.5.3.2.1: a chat message for a resource that is gone goes to the account's others.
TEST_F(Nodes, DeliverElsewhereWhatWasOnItsWayToOneThatDied) {
  ClusterOfNodes cluster = cluster_of(3);
  XmppClient juliet = juliet_at(cluster.node(0));
  XmppClient lost = romeo_at(cluster.node(1), "lost");
  XmppClient other = romeo_at(cluster.node(2), "other");
  ASSERT_TRUE(can_chat(juliet, lost));
  ASSERT_TRUE(can_chat(juliet, other));
  cluster.node(1).pause();
  say(juliet, lost.jid(), "wherefore");
  EXPECT_EQ(next_message(other, 100ms), "nothing");
  cluster.node(1).kill();
  EXPECT_EQ(next_message(other), "wherefore");
}

}  // namespace
}  // namespace tests
