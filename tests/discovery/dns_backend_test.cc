#include "discovery/dns_backend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "discovery/dns_name.h"
#include "discovery/registry.h"
#include "tests/discovery/recorded_events.h"
#include "tests/support/dns_server.h"
#include "tests/support/eventually.h"

namespace discovery {
namespace {

using namespace std::chrono_literals;
using tests::DnsServer;
using Clock = std::chrono::steady_clock;

const std::string service = "_peers._tcp.meerkat.test";
const std::string domain = "meerkat.test";

NodeRow row(const std::string& name) {
  return {.name = name,
          .incarnation = 7,
          .peer_address = "127.0.0.1:5290",
          .version = "0.1",
          .protocol_min = 1,
          .protocol_max = 1,
          .state = NodeState::joining};
}

DnsServer::Srv pod(int ordinal, std::uint16_t port = 5290) {
  return {"meerkat-" + std::to_string(ordinal) + "." + domain, port};
}

class DnsBackendTest : public testing::Test {
 protected:
  DnsOptions options(const std::string& name) const {
    return {.name = name + ".", .port = 5290, .server = dns_.place(), .timeout = 1s};
  }

  DnsServer dns_;
};

const NodeRow& only(const Result<Reading>& reading) {
  EXPECT_EQ(reading->nodes.size(), 1U);
  return reading->nodes.front();
}

TEST_F(DnsBackendTest, TakesNameAndPortFromServices) {
  dns_.set_services(service, {pod(1, 5291), pod(0)});
  DnsBackend backend(options(service));
  const Result<Reading> reading = backend.renew(row("meerkat-0"), 15s);
  ASSERT_TRUE(reading.has_value()) << backend.last_failure();
  ASSERT_EQ(reading->nodes.size(), 2U);
  const NodeRow& self = reading->nodes[0];
  EXPECT_EQ(self.name, "meerkat-0");
  EXPECT_EQ(self.incarnation, 7U);
  EXPECT_EQ(self.state, NodeState::joining);
  const NodeRow& peer = reading->nodes[1];
  EXPECT_EQ(peer.name, "meerkat-1");
  EXPECT_EQ(peer.peer_address, "meerkat-1.meerkat.test:5291");
  EXPECT_EQ(peer.incarnation, 0U) << "The link's hello tells it.";
  EXPECT_EQ(peer.state, NodeState::ready);
  EXPECT_GT(peer.lease_remaining, 0ms);
  EXPECT_TRUE(compatible(peer, self));
}

TEST_F(DnsBackendTest, TakesTheAddressOfAServicesTargetWhenTheAnswerHasIt) {
  dns_.set_services(service, {pod(0), pod(1), pod(2), pod(3)});
  dns_.set_addresses("meerkat-0.meerkat.test", {"10.1.2.3"});
  dns_.set_addresses("meerkat-1.meerkat.test", {"fd00::7"});
  dns_.set_addresses("meerkat-2.meerkat.test", {"fd00::8", "10.1.2.4"});
  DnsBackend backend(options(service));
  const Result<Reading> reading = backend.read();
  ASSERT_TRUE(reading.has_value()) << backend.last_failure();
  ASSERT_EQ(reading->nodes.size(), 4U);
  EXPECT_EQ(reading->nodes[0].peer_address, "10.1.2.3:5290");
  EXPECT_EQ(reading->nodes[1].peer_address, "[fd00::7]:5290");
  EXPECT_EQ(reading->nodes[2].peer_address, "10.1.2.4:5290");
  EXPECT_EQ(reading->nodes[3].peer_address, "meerkat-3.meerkat.test:5290");
  // A pod that is started anew keeps its name and gets another address.
  dns_.set_addresses("meerkat-0.meerkat.test", {"10.1.2.9"});
  EXPECT_EQ(backend.read()->nodes[0].peer_address, "10.1.2.9:5290");
}

TEST_F(DnsBackendTest, NumbersTheNodesOfAStatefulSetByTheirOrdinals) {
  dns_.set_services(service, {pod(0),
                              pod(12),
                              {"stray." + domain, 1},
                              {"odd-x." + domain, 1},
                              {"big-99999." + domain, 1}});
  DnsBackend backend(options(service));
  const Result<Reading> reading = backend.read();
  ASSERT_TRUE(reading.has_value()) << backend.last_failure();
  std::string numbers;
  for (const NodeRow& node : reading->nodes) {
    numbers += node.name + "=" + std::to_string(node.number) + " ";
  }
  EXPECT_EQ(numbers, "big-99999=0 meerkat-0=1 meerkat-12=13 odd-x=0 stray=0 ");
}

TEST_F(DnsBackendTest, GivesANumberToNobodyWhenTwoWouldHaveIt) {
  dns_.set_services(service, {pod(0), {"other-0." + domain, 1}, pod(1)});
  DnsBackend backend(options(service));
  const Result<Reading> reading = backend.read();
  ASSERT_EQ(reading->nodes.size(), 3U);
  EXPECT_EQ(reading->nodes[0].number, 0);
  EXPECT_EQ(reading->nodes[1].number, 2);
  EXPECT_EQ(reading->nodes[2].number, 0);
}

TEST_F(DnsBackendTest, CallsNodesByTheirAddressesWhereThereAreNoServices) {
  dns_.set_addresses(domain, {"10.1.2.4", "10.1.2.3"});
  DnsBackend backend(options(domain));
  const Result<Reading> reading = backend.renew(row("10.1.2.3"), 15s);
  ASSERT_TRUE(reading.has_value()) << backend.last_failure();
  ASSERT_EQ(reading->nodes.size(), 2U);
  EXPECT_EQ(reading->nodes[1].name, "10.1.2.4");
  EXPECT_EQ(reading->nodes[1].peer_address, "10.1.2.4:5290");
  EXPECT_EQ(reading->nodes[1].number, 0);
}

TEST_F(DnsBackendTest, CallsNodesByTheirIpv6AddressesWhereThereAreNoOthers) {
  dns_.set_addresses(domain, {"fd00::7", "fd00:0:0:1::1"});
  DnsBackend backend(options(domain));
  const Result<Reading> reading = backend.renew(row("fd00--7"), 15s);
  ASSERT_TRUE(reading.has_value()) << backend.last_failure();
  ASSERT_EQ(reading->nodes.size(), 2U);
  EXPECT_EQ(reading->nodes[0].peer_address, "[fd00::7]:5290");
  EXPECT_EQ(reading->nodes[1].name, "fd00-0-0-1--1");
  EXPECT_EQ(reading->nodes[1].number, 0) << "The end of an address is no ordinal.";
}

TEST_F(DnsBackendTest, TakesAMachineWithTwoAddressesForOneNode) {
  dns_.set_addresses(domain, {"10.1.2.3", "fd00::7"});
  DnsBackend backend(options(domain));
  const Result<Reading> reading = backend.read();
  EXPECT_EQ(only(reading).name, "10.1.2.3");
}

TEST_F(DnsBackendTest, FollowsAnAlias) {
  dns_.set_alias("alias.test", domain);
  dns_.set_addresses(domain, {"10.1.2.3"});
  DnsBackend backend(options("alias.test"));
  const Result<Reading> reading = backend.read();
  ASSERT_TRUE(reading.has_value()) << backend.last_failure();
  EXPECT_EQ(only(reading).name, "10.1.2.3");
}

// DNS ignores case; node names do not.
TEST_F(DnsBackendTest, WritesNamesInLowerCase) {
  dns_.set_services(service, {{"Meerkat-0.Meerkat.TEST", 5290}});
  DnsBackend backend(options(service));
  const Result<Reading> reading = backend.read();
  EXPECT_EQ(only(reading).name, "meerkat-0");
  EXPECT_EQ(only(reading).peer_address, "meerkat-0.meerkat.test:5290");
}

// 512 bytes over UDP are a dozen nodes; a hundred come by TCP.
TEST_F(DnsBackendTest, ListsMoreNodesThanADatagramHolds) {
  std::vector<DnsServer::Srv> pods;
  for (int ordinal = 0; ordinal < 100; ++ordinal) pods.push_back(pod(ordinal));
  dns_.set_services(service, pods);
  DnsBackend backend(options(service));
  const Result<Reading> reading = backend.read();
  ASSERT_TRUE(reading.has_value()) << backend.last_failure();
  EXPECT_EQ(reading->nodes.size(), 100U);
  EXPECT_EQ(dns_.questions_by_tcp(), 1U);
}

TEST_F(DnsBackendTest, SaysThatItIsNotListedAndWhoIs) {
  DnsBackend nobody(options(service));
  EXPECT_EQ(nobody.renew(row("meerkat-0"), 15s).error(), Errc::not_listed);
  EXPECT_NE(nobody.last_failure().find("has no records"), std::string::npos)
      << nobody.last_failure();
  dns_.set_services(service, {pod(3)});
  DnsBackend other(options(service));
  EXPECT_EQ(other.renew(row("meerkat-0"), 15s).error(), Errc::not_listed);
  EXPECT_NE(other.last_failure().find("meerkat-3, but no meerkat-0"), std::string::npos)
      << other.last_failure();
}

// hardening K7
TEST_F(DnsBackendTest, LeavesOutRecordsThatNameNoNode) {
  dns_.set_services(service, {pod(0),
                              pod(1, 0),
                              {"a'b." + domain, 1},
                              {"a\"b." + domain, 1},
                              {"with space." + domain, 1},
                              {".", 5290}});
  DnsBackend backend(options(service));
  const Result<Reading> reading = backend.read();
  ASSERT_TRUE(reading.has_value()) << backend.last_failure();
  EXPECT_EQ(only(reading).name, "meerkat-0");
  EXPECT_EQ(reading->rows_ignored, 4U);
}

// hardening K7
TEST_F(DnsBackendTest, BoundsHowManyNodesItTakes) {
  std::vector<DnsServer::Srv> pods;
  for (int ordinal = 0; ordinal < 1'200; ++ordinal) pods.push_back(pod(ordinal));
  dns_.set_services(service, pods);
  DnsBackend backend(options(service));
  const Result<Reading> reading = backend.read();
  ASSERT_TRUE(reading.has_value()) << backend.last_failure();
  EXPECT_EQ(reading->nodes.size(), 1'000U);
  EXPECT_EQ(reading->rows_ignored, 200U);
}

TEST_F(DnsBackendTest, TakesTheSameOneForANameThatTwoHaveWhateverTheirOrder) {
  const DnsServer::Srv one{"meerkat-0.a.test", 5290};
  const DnsServer::Srv two{"meerkat-0.b.test", 5290};
  for (const auto& services : {std::vector{one, two}, std::vector{two, one}}) {
    dns_.set_services(service, services);
    DnsBackend backend(options(service));
    const Result<Reading> reading = backend.read();
    EXPECT_EQ(only(reading).peer_address, "meerkat-0.a.test:5290");
    EXPECT_EQ(reading->rows_ignored, 1U);
  }
}

TEST_F(DnsBackendTest, FailsSoonWhenTheServerFailsAndSaysHow) {
  dns_.set_services(service, {pod(0)});
  DnsBackend backend(options(service));
  for (const auto mode : {DnsServer::Mode::fail, DnsServer::Mode::refuse, DnsServer::Mode::nonsense,
                          DnsServer::Mode::silent}) {
    dns_.set_mode(mode);
    const auto begun = Clock::now();
    const Result<Reading> reading = backend.read();
    ASSERT_TRUE(reading.has_error()) << static_cast<int>(mode);
    EXPECT_TRUE(reading.error() == Errc::registry_unavailable || reading.error() == Errc::malformed)
        << static_cast<int>(mode);
    EXPECT_NE(backend.last_failure().find(dns_.place()), std::string::npos)
        << backend.last_failure();
    EXPECT_LT(Clock::now() - begun, 6s) << static_cast<int>(mode);
  }
}

// One node's discovery by these records.
struct Node {
  Node(const DnsOptions& options, const std::string& name, std::chrono::milliseconds lease = 2s)
      : discovery({.self = row(name), .lease = lease, .read_interval = 50ms},
                  std::make_unique<DnsBackend>(options), events) {
    discovery.on_peers([this](const std::vector<NodeRow>& peers) { events.peers(peers); });
    EXPECT_TRUE(discovery.start().has_value());
  }
  ~Node() { discovery.stop(); }

  RecordedEvents events;
  Discovery discovery;
};

// The answers carry a TTL of 30 s, which nobody here believes.
TEST_F(DnsBackendTest, SeesANewNodeAndOneThatWentWithinASecond) {
  dns_.set_services(service, {pod(0)});
  Node node(options(service), "meerkat-0");
  ASSERT_TRUE(node.events.wait_for("registered 1")) << node.events.all();
  std::size_t mark = node.events.mark();
  dns_.set_services(service, {pod(0), pod(1)});
  auto changed = Clock::now();
  ASSERT_TRUE(node.events.wait_for("peers meerkat-1", mark)) << node.events.all();
  EXPECT_LT(Clock::now() - changed, 1s);
  mark = node.events.mark();
  dns_.set_services(service, {pod(0)});
  changed = Clock::now();
  ASSERT_TRUE(node.events.wait_for("peers", mark)) << node.events.all();
  EXPECT_LT(Clock::now() - changed, 1s);
  EXPECT_EQ(node.events.last_peers(), "peers");
  EXPECT_EQ(node.events.count("registered"), 1U);
}

// design.md §6, as with a database: whoever is known stays so, until DNS says otherwise.
TEST_F(DnsBackendTest, ChangesNothingWhileDnsIsAwayOrForgetsThisNode) {
  dns_.set_services(service, {pod(0), pod(1)});
  Node node(options(service), "meerkat-0", 400ms);
  ASSERT_TRUE(node.events.wait_for("peers meerkat-1")) << node.events.all();
  for (const auto mode : {DnsServer::Mode::fail, DnsServer::Mode::refuse, DnsServer::Mode::nonsense,
                          DnsServer::Mode::silent, DnsServer::Mode::forgetful}) {
    const std::size_t mark = node.events.mark();
    dns_.set_mode(mode);
    ASSERT_TRUE(node.events.wait_for("failed", mark)) << node.events.all();
    EXPECT_FALSE(node.discovery.available());
    dns_.set_mode(DnsServer::Mode::answer);
    ASSERT_TRUE(node.events.wait_for("recovered", mark)) << node.events.all();
    EXPECT_FALSE(node.events.has("peers", mark)) << node.events.all();
  }
  EXPECT_EQ(node.discovery.peers().size(), 1U);
}

TEST_F(DnsBackendTest, WaitsToBeListed) {
  dns_.set_services(service, {pod(1)});
  Node node(options(service), "meerkat-0");
  ASSERT_TRUE(node.events.wait_for("failed: the registry does not list this node"))
      << node.events.all();
  dns_.set_services(service, {pod(1), pod(0)});
  ASSERT_TRUE(node.events.wait_for("registered 1")) << node.events.all();
  EXPECT_TRUE(node.events.wait_for("peers meerkat-1")) << node.events.all();
}

TEST(DnsNames, AreServicesWhenTheyBeginWithAnUnderscore) {
  EXPECT_TRUE(is_dns_service("_peers._tcp.meerkat"));
  EXPECT_FALSE(is_dns_service("meerkat"));
}

TEST(DnsNames, ComeFromAddressesInTheirShortestForm) {
  EXPECT_EQ(dns_node_name("10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(dns_node_name("FD00:0:0:0:0:0:0:7"), "fd00--7");
  EXPECT_EQ(dns_node_name("meerkat-0"), "");
  EXPECT_EQ(dns_node_name(""), "");
  for (const std::string name : {"10.1.2.3", "fd00--7", "2001-db8-1-2-3-4-5-6"}) {
    EXPECT_TRUE(is_dns_node_name(name)) << name;
  }
  for (const std::string name :
       {"", "n1", "meerkat-0", "10.1.2", "FD00--7", "fd00-0-0-0-0-0-0-7"}) {
    EXPECT_FALSE(is_dns_node_name(name)) << name;
  }
}

}  // namespace
}  // namespace discovery
