#include "server/blocking/block_list.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace server {
namespace {

using Jids = std::vector<std::string>;

// XEP-0191 §5
TEST(BlockList, CoversSessionsAccountsAndDomains) {
  BlockList list;
  ASSERT_TRUE(list.block({"a@x", "b@x/phone", "y", "z/bot"}, {}));
  const std::vector<std::pair<std::string, bool>> cases = {
      {"a@x", true},        {"a@x/any", true}, {"b@x", false},   {"b@x/phone", true},
      {"b@x/other", false}, {"c@y/any", true}, {"c@y", true},    {"y", true},
      {"y/any", true},      {"z/bot", true},   {"z", false},     {"c@z/bot", false},
      {"x", false},         {"aa@x", false},   {"a@x.y", false}, {"b@x/phone2", false},
      {"a@xx", false},      {"b@x/a@x", false}};
  for (const auto& [text, is_blocked] : cases) {
    EXPECT_EQ(list.blocks(*xmpp::Jid::parse(text)), is_blocked) << text;
  }
  EXPECT_FALSE(BlockList().blocks(*xmpp::Jid::parse("a@x")));
}

TEST(BlockList, IsStoredAsALineAJid) {
  BlockList list;
  EXPECT_EQ(list.to_string(), "");
  ASSERT_TRUE(list.block({"b@x", "a@x"}, {}));
  const auto again = BlockList::parse(list.to_string());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->jids(), (Jids{"a@x", "b@x"}));
  EXPECT_EQ(again->version(), list.version());
  EXPECT_EQ(again->to_string(), list.to_string());
  EXPECT_EQ(BlockList::parse("")->version(), 0U);
  for (const char* text : {"\n", "x\n", "1", "1\na@x", "-1\n", "1 \na@x\n"}) {
    EXPECT_FALSE(BlockList::parse(text)) << text;
  }
}

// A list that replaces another on any node has to be the newer one.
TEST(BlockList, HasAGreaterVersionWithEachChangeAlsoWhenItIsEmptyAgain) {
  BlockList list;
  ASSERT_TRUE(list.block({"a@x"}, {}));
  const auto first = list.version();
  EXPECT_GT(first, 1'700'000'000U);
  ASSERT_TRUE(list.block({"a@x"}, {}));
  EXPECT_EQ(list.version(), first);
  list.unblock({"b@x"});
  EXPECT_EQ(list.version(), first);
  list.unblock({});
  EXPECT_EQ(list.version(), first + 1);
  EXPECT_EQ(list.jids(), Jids{});
  EXPECT_EQ(BlockList::parse(list.to_string())->version(), first + 1);
}

// Hardening, limits.
TEST(BlockList, IsBoundedInJidsAndBytes) {
  const BlockLimits limits{.jids_max = 2, .bytes_max = 10};
  BlockList list;
  EXPECT_FALSE(list.block({"a@x", "b@x", "c@x"}, limits));
  EXPECT_EQ(list.version(), 0U);
  EXPECT_TRUE(list.block({"a@x", "b@x"}, limits));
  EXPECT_TRUE(list.block({"a@x"}, limits));
  EXPECT_FALSE(list.block({"c@x"}, limits));
  list.unblock({"a@x"});
  EXPECT_FALSE(list.block({"long@x"}, limits));
  EXPECT_EQ(list.jids(), Jids{"b@x"});
}

}  // namespace
}  // namespace server
