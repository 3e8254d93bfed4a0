// Whole nodes that look for each other: one name for two, names that are lost while a node is
// paused, machines whose clocks differ, and lists in DNS.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/dns_server.h"
#include "tests/support/eventually.h"
#include "tests/support/free_ports.h"
#include "tests/support/mariadb.h"
#include "tests/support/node_process.h"
#include "tests/support/xmpp_client.h"
#include "xmpp/namespaces.h"

namespace tests {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr auto limit = 40s;  // For what has no bound of its own, on a machine that builds.

// Short, so that a test does not wait for long; the order between them is as by default.
const std::vector<std::string> quick = {"--mysql-lease=3s", "--peers-silence-max=1s",
                                        "--peers-forget-after=2s", "--discovery-interval=200ms",
                                        "--drain-notice=100ms"};

XmppClient login(const NodeProcess& node, const std::string& user, const std::string& resource) {
  return XmppClient::login(node.c2s_port(), user + "@localhost/" + resource, user);
}

bool has_logged(const NodeProcess& node, const std::string& text) {
  return node.log().find(text) != std::string::npos;
}

bool comes_to_log(const NodeProcess& node, const std::string& text) {
  return eventually(limit, [&] { return has_logged(node, text); });
}

/// Whether `from` can reach `to` within the limit. What comes back as an error is sent again: a
/// session may not be known everywhere yet.
testing::AssertionResult reaches(XmppClient& from, XmppClient& to) {
  static int said = 0;
  std::string last = "nothing";
  const bool has_arrived = eventually(limit, [&] {
    const std::string body = "message " + std::to_string(++said);
    from.send("<message type='chat' to='" + to.jid() + "'><body>" + body + "</body></message>");
    while (const auto message = to.receive_message(500ms)) {
      last = std::string(message->type()) + " " +
             message->root().child("body", xmpp::ns::client).text();
      if (last == "chat " + body) return true;
    }
    return false;
  });
  if (has_arrived) return testing::AssertionSuccess();
  const auto returned = from.receive_message(100ms);
  return testing::AssertionFailure()
         << to.jid() << " got last: " << last << "; returned to " << from.jid() << ": "
         << (returned ? returned->type() : "nothing");
}

std::string state_of(const NodeProcess& node, const std::string& name) {
  const json::value status = node.status_of(name);
  return status.is_object() ? std::string(status.at("state").as_string()) : "not there";
}

bool sees_ready(const NodeProcess& node, const std::string& name) {
  return eventually(limit, [&] { return state_of(node, name) == "ready"; });
}

std::string at_peers_port(const NodeProcess& node) {
  return "127.0.0.1:" + std::to_string(node.peers_port());
}

class Listed : public testing::Test {
 protected:
  static void SetUpTestSuite() { database_ = std::make_unique<MariaDb>(); }
  static void TearDownTestSuite() { database_.reset(); }

  void SetUp() override {
    schema_ = testing::UnitTest::GetInstance()->current_test_info()->name();
    if (schema_.size() > 60) schema_.resize(60);  // MariaDB's limit is 64.
    cluster_ = std::make_unique<ClusterOfNodes>(*database_, schema_, 1, quick);
  }

  NodeProcess& first() { return cluster_->node(0); }

  NodeProcess& start(const std::string& name, std::vector<std::string> environment = {}) {
    NodeProcessOptions options;
    options.name = name;
    options.environment = std::move(environment);
    NodeProcess& node = cluster_->add(std::move(options));
    node.start();
    return node;
  }

  std::string sql(const std::string& statement) const { return database_->sql(statement, schema_); }

  std::string number_of(const std::string& name) const {
    std::string number = sql("SELECT number FROM discovery_nodes WHERE name = '" + name + "'");
    while (!number.empty() && number.back() == '\n') number.pop_back();
    return number;
  }

  static inline std::unique_ptr<MariaDb> database_;
  std::string schema_;
  std::unique_ptr<ClusterOfNodes> cluster_;
};

TEST_F(Listed, TheNewerOfTwoNodesWithOneNameEndsWith78AndSaysWhoHasIt) {
  NodeProcess& newer = start("n1");
  EXPECT_EQ(newer.wait_for_exit(limit), 78) << newer.log();
  const std::string log = newer.log();
  EXPECT_NE(log.find("meerkatd: the name \"n1\" belongs to another live node, at " +
                     at_peers_port(first()) + ", which renewed its lease"),
            std::string::npos)
      << log;
  EXPECT_NE(log.find("fix: give each node a name of its own: [node] name"), std::string::npos)
      << log;
  EXPECT_TRUE(first().is_ready()) << "Nobody asked the older one to go.";
  EXPECT_FALSE(has_logged(first(), "name_taken")) << first().log();
}

TEST_F(Listed, ANodeTakesTheNameOfADeadOneOverWhenTheLeaseIsOver) {
  NodeProcess& witness = start("n2");
  witness.wait_until_ready();
  first().kill();
  NodeProcess& successor = start("n1");  // At other ports, as on another machine.
  successor.wait_until_ready();
  EXPECT_TRUE(has_logged(successor, "name_taken")) << "It waited for the lease.";
  EXPECT_TRUE(sees_ready(witness, "n1"));
  XmppClient romeo = login(witness, "romeo", "orchard");
  XmppClient juliet = login(successor, "juliet", "balcony");
  EXPECT_TRUE(reaches(romeo, juliet));
}

TEST_F(Listed, ANodeThatWasReplacedWhileItWasPausedEndsItsStreamsAndItself) {
  NodeProcess& paused = start("n2");
  paused.wait_until_ready();
  XmppClient romeo = login(paused, "romeo", "orchard");
  paused.pause();
  NodeProcess& replacement = start("n2");
  replacement.wait_until_ready();
  EXPECT_TRUE(sees_ready(first(), "n2"));
  paused.resume();
  EXPECT_EQ(romeo.receive_stream_error(), "system-shutdown");
  romeo.send("</stream:stream>");
  EXPECT_EQ(paused.wait_for_exit(limit), 78) << paused.log();
  EXPECT_TRUE(has_logged(paused, "a later start of the node")) << paused.log();
  EXPECT_TRUE(replacement.is_ready());
  XmppClient again = login(replacement, "romeo", "orchard");
  XmppClient juliet = login(first(), "juliet", "balcony");
  EXPECT_TRUE(reaches(juliet, again));
  EXPECT_TRUE(reaches(again, juliet));
}

// Longer than its lease, than its peers remember it, and than its number is kept.
TEST_F(Listed, ANodeThatWasPausedUntilAnotherHasItsNumberGetsANewOneAndGoesOn) {
  NodeProcess& paused = start("n2");
  paused.wait_until_ready();
  ASSERT_EQ(number_of("n2"), "2");
  XmppClient juliet = login(first(), "juliet", "balcony");
  XmppClient romeo = login(paused, "romeo", "orchard");
  ASSERT_TRUE(reaches(juliet, romeo));
  paused.pause();
  ASSERT_TRUE(eventually(limit, [&] { return number_of("n2").empty(); }))
      << sql("SELECT name, lease_until FROM discovery_nodes");
  NodeProcess& newcomer = start("n3");
  newcomer.wait_until_ready();
  ASSERT_EQ(number_of("n3"), "2");
  paused.resume();
  EXPECT_TRUE(eventually(limit, [&] { return number_of("n2") == "3"; })) << paused.log();
  EXPECT_TRUE(sees_ready(first(), "n2"));
  EXPECT_TRUE(sees_ready(newcomer, "n2"));
  EXPECT_TRUE(reaches(juliet, romeo)) << "Its sessions are known again.";
  EXPECT_TRUE(reaches(romeo, juliet));
}

// Only the database's clock counts.
TEST_F(Listed, NodesWhoseClocksDifferByHoursStayListedAndComeBackOnAnyMachine) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's runtime must be the first library";
#endif
  const std::string preload = "LD_PRELOAD=" + runfile("tests/support/libskewed_clock.so");
  NodeProcess& ahead = start("n2", {preload, "MEERKAT_CLOCK_OFFSET=7200"});
  NodeProcess& behind = start("n3", {preload, "MEERKAT_CLOCK_OFFSET=-7200"});
  for (NodeProcess* node : {&ahead, &behind}) {
    node->wait_until_ready();
    EXPECT_TRUE(comes_to_log(*node, "clock_differs")) << node->log();
  }
  // For several leases; each renews four times as often.
  const auto renewals = [](const NodeProcess& node) {
    const std::string name = "meerkat_lease_renewals_total{result=\"ok\"} ";
    const std::string metrics = node.health("/metrics").body;
    const auto at = metrics.find(name);
    return at == std::string::npos ? 0 : std::atoi(metrics.c_str() + at + name.size());
  };
  EXPECT_TRUE(eventually(limit, [&] { return renewals(ahead) >= 14 && renewals(behind) >= 14; }))
      << ahead.health("/metrics").body;
  for (const NodeProcess* node : {&first(), &ahead, &behind}) {
    for (const std::string name : {"n1", "n2", "n3"}) {
      EXPECT_TRUE(sees_ready(*node, name)) << node->name() << " " << name;
    }
    EXPECT_FALSE(has_logged(*node, "lease_renewed_late")) << node->log();
  }
  // The next life's clock is four hours behind the last one's.
  ahead.kill();
  NodeProcess& successor = start("n2", {preload, "MEERKAT_CLOCK_OFFSET=-7200"});
  successor.wait_until_ready();
  EXPECT_FALSE(has_logged(successor, "link_refused")) << successor.log();
  XmppClient juliet = login(first(), "juliet", "balcony");
  XmppClient romeo = login(successor, "romeo", "orchard");
  EXPECT_TRUE(reaches(juliet, romeo));
}

// Nodes without a database: each has its own accounts, and DNS lists them.
class ListedByDns : public testing::Test {
 protected:
  ListedByDns() {
    const char* folder = std::getenv("TEST_TMPDIR");
    secret_ = std::string(folder == nullptr ? "/tmp" : folder) + "/cluster-secret";
    std::ofstream(secret_) << "a secret of the tests\n";
    chmod(secret_.c_str(), 0600);
  }

  NodeProcess& add(const std::string& name, const std::string& dns_name,
                   std::vector<std::string> flags = {}) {
    NodeProcessOptions options;
    options.name = name;
    options.flags = {"--peers-secret-file=" + secret_,     "--discovery-backend=dns",
                     "--discovery-name=" + dns_name + ".", "--discovery-server=" + dns_.place(),
                     "--discovery-interval=200ms",         "--drain-notice=100ms"};
    options.flags.insert(options.flags.end(), flags.begin(), flags.end());
    nodes_.push_back(std::make_unique<NodeProcess>(std::move(options)));
    return *nodes_.back();
  }

  // As Kubernetes' DNS has a headless service's pods.
  void list(const std::vector<const NodeProcess*>& nodes) {
    std::vector<DnsServer::Srv> services;
    for (const NodeProcess* node : nodes) {
      const std::string target = node->name() + ".meerkat.test";
      services.push_back({target, node->peers_port()});
      dns_.set_addresses(target, {"127.0.0.1"});
    }
    dns_.set_services("_peers._tcp.meerkat.test", services);
  }

  DnsServer dns_;
  std::string secret_;
  std::vector<std::unique_ptr<NodeProcess>> nodes_;
};

constexpr const char* service = "_peers._tcp.meerkat.test";

TEST_F(ListedByDns, NodesFindEachOtherByServicesAndChatOnWhileDnsIsAway) {
  NodeProcess& one = add("meerkat-0", service);
  NodeProcess& two = add("meerkat-1", service);
  list({&one, &two});
  one.start();
  two.start();
  one.wait_until_ready();
  two.wait_until_ready();
  EXPECT_TRUE(sees_ready(one, "meerkat-1"));
  one.add_user("juliet@localhost", "juliet");
  two.add_user("romeo@localhost", "romeo");
  XmppClient juliet = login(one, "juliet", "balcony");
  XmppClient romeo = login(two, "romeo", "orchard");
  EXPECT_TRUE(reaches(juliet, romeo));
  dns_.set_mode(DnsServer::Mode::fail);
  EXPECT_TRUE(comes_to_log(one, "registry_away")) << one.log();
  EXPECT_TRUE(reaches(romeo, juliet));
  EXPECT_TRUE(one.is_ready()) << one.health("/readyz?verbose").body;
  dns_.set_mode(DnsServer::Mode::answer);
  EXPECT_TRUE(comes_to_log(one, "registry_back")) << one.log();

  NodeProcess& three = add("meerkat-2", service);
  list({&one, &two, &three});
  three.start();
  three.wait_until_ready();
  EXPECT_TRUE(sees_ready(one, "meerkat-2"));
  EXPECT_TRUE(sees_ready(two, "meerkat-2"));
}

TEST_F(ListedByDns, NodesFindEachOtherByTheirAddresses) {
  dns_.set_addresses("meerkat.test", {"127.0.0.2", "127.0.0.3"});
  const std::string port = std::to_string(free_ports(1).front());
  for (const std::string address : {"127.0.0.2", "127.0.0.3"}) {
    add(address, "meerkat.test", {"--listen-peers=" + address + ":" + port}).start();
  }
  for (const auto& node : nodes_) {
    node->wait_until_ready();
    EXPECT_TRUE(sees_ready(*node, "127.0.0.2")) << node->log();
    EXPECT_TRUE(sees_ready(*node, "127.0.0.3")) << node->log();
  }
}

TEST_F(ListedByDns, ANodeThatIsNotListedSaysSoAndIsNotReady) {
  NodeProcess& one = add("meerkat-0", service);
  NodeProcess& stray = add("stray", service);
  list({&one});
  stray.start();
  EXPECT_TRUE(comes_to_log(stray, "lists 1 nodes, the first as meerkat-0, but no stray"))
      << stray.log();
  EXPECT_FALSE(stray.is_ready());
  EXPECT_NE(stray.health("/readyz?verbose").body.find("lease"), std::string::npos);
  list({&one, &stray});
  stray.wait_until_ready();
}

}  // namespace
}  // namespace tests
