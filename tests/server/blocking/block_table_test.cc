#include "server/blocking/block_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "replication/node.h"
#include "tests/support/eventually.h"

namespace server {
namespace {

using namespace std::chrono_literals;

xmpp::Jid jid(const std::string& text) { return *xmpp::Jid::parse(text); }

const xmpp::Jid romeo = jid("romeo@x/orchard");
const xmpp::Jid juliet = jid("juliet@x/balcony");

BlockList list(std::uint64_t version, const std::string& blocked) {
  return {version, blocked.empty() ? "" : blocked + "\n"};
}

/// A node with its table, on loopback.
struct TableOfNode {
  explicit TableOfNode(const std::string& name)
      : node({.cluster = "c", .name = name, .secret = "of the test"}, events) {}

  replication::Events events;
  replication::Node node;
  BlockTable table{node};
};

TEST(BlockTable, StandsBetweenTheTwoForAsLongAsAListIsHeld) {
  TableOfNode a("a");
  EXPECT_EQ(a.table.between(romeo, juliet), Barrier::none);
  auto hold = a.table.hold("juliet@x", list(1, "romeo@x"));
  auto other = a.table.hold("juliet@x");
  EXPECT_EQ(hold, other);
  hold = nullptr;
  EXPECT_EQ(a.table.between(romeo, juliet), Barrier::recipient);
  EXPECT_EQ(a.table.between(juliet, romeo), Barrier::sender);
  EXPECT_EQ(a.table.between(jid("nurse@x"), juliet), Barrier::none);
  other = nullptr;
  EXPECT_EQ(a.table.between(romeo, juliet), Barrier::none);
  EXPECT_EQ(a.table.hold("juliet@x"), nullptr);
}

// XEP-0191 §4
TEST(BlockTable, NeverStandsBetweenAnAccountsOwnSessions) {
  TableOfNode a("a");
  const auto hold = a.table.hold("juliet@x", list(1, "x"));
  EXPECT_EQ(a.table.between(jid("juliet@x/chamber"), juliet), Barrier::none);
  EXPECT_EQ(a.table.between(romeo, juliet), Barrier::recipient);
}

TEST(BlockTable, KeepsTheNewerOfTwoLists) {
  TableOfNode a("a");
  const auto first = a.table.hold("juliet@x", list(5, "romeo@x"));
  const auto late = a.table.hold("juliet@x", list(4, ""));
  EXPECT_EQ(late->version(), 5U);
  auto newer = a.table.hold("juliet@x", list(6, ""));
  EXPECT_EQ(a.table.between(romeo, juliet), Barrier::none);
  EXPECT_EQ(newer->version(), 6U);
}

// Hardening K8: the newest one counts on all nodes, whoever had another.
TEST(BlockTable, HasTheNewestListInForceWhenTwoNodesMeet) {
  TableOfNode a("a"), b("b");
  std::atomic<int> told = 0;
  b.table.on_change([&](const std::string& account) { told += account == "juliet@x" ? 1 : 0; });
  auto old = b.table.hold("juliet@x", list(4, ""));
  auto fresh = a.table.hold("juliet@x", list(5, "romeo@x"));
  ASSERT_TRUE(a.node.start());
  ASSERT_TRUE(b.node.start());
  b.node.set_peers({{"a", "127.0.0.1", a.node.listen_port()}});
  a.node.set_peers({{"b", "127.0.0.1", b.node.listen_port()}});
  EXPECT_TRUE(
      tests::eventually(20s, [&] { return b.table.between(romeo, juliet) == Barrier::recipient; }));
  EXPECT_TRUE(tests::eventually(20s, [&] { return told > 0; }));
  // Who takes it over has it also when the first node's sessions are gone.
  const auto taken_over = b.table.hold("juliet@x");
  EXPECT_EQ(taken_over->version(), 5U);
  fresh = nullptr;
  old = nullptr;
  EXPECT_TRUE(tests::eventually(20s, [&] { return a.table.hold("juliet@x") != nullptr; }));
  EXPECT_EQ(b.table.between(romeo, juliet), Barrier::recipient);
  a.node.stop();
  b.node.stop();
}

}  // namespace
}  // namespace server
