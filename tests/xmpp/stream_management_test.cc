#include "xmpp/stream_management.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace xmpp {
namespace {

using Queue = UnackedQueue<std::string>;

std::vector<std::string> contents(const Queue& queue) {
  std::vector<std::string> items;
  queue.for_each([&](const std::string& item) { items.push_back(item); });
  return items;
}

// XEP-0198 §4.
TEST(UnackedQueue, ReleasesWhatIsAcknowledgedOldestFirst) {
  Queue queue;
  for (const char* item : {"a", "b", "c"}) ASSERT_TRUE(queue.push(item, 10));
  std::vector<std::string> released;
  const auto release = [&](std::string&& item) { released.push_back(std::move(item)); };
  EXPECT_EQ(queue.acknowledge(2, release), AckOutcome::accepted);
  EXPECT_EQ(released, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(queue.acknowledge(2, release), AckOutcome::accepted);
  EXPECT_EQ(released.size(), 2u);
  EXPECT_EQ(contents(queue), std::vector<std::string>{"c"});
  EXPECT_EQ(queue.bytes(), 10u);
  EXPECT_EQ(queue.acked(), 2u);
  EXPECT_EQ(queue.sent(), 3u);
}

// Hardening E3.
TEST(UnackedQueue, RefusesACountThatIsTooHighOrGoesBack) {
  Queue queue;
  ASSERT_TRUE(queue.push("a", 1));
  EXPECT_EQ(queue.acknowledge(2), AckOutcome::handled_count_too_high);
  EXPECT_EQ(queue.acknowledge(0xffffffff), AckOutcome::handled_count_too_high);
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_EQ(queue.acknowledge(1), AckOutcome::accepted);
  EXPECT_EQ(queue.acknowledge(0), AckOutcome::handled_count_too_high);
}

// XEP-0198 §4: "the counter wraps to zero after 2^32 - 1".
TEST(UnackedQueue, CountsModuloTwoToThe32) {
  Queue queue({}, 0xfffffffe);
  for (const char* item : {"a", "b", "c"}) ASSERT_TRUE(queue.push(item, 1));
  EXPECT_EQ(queue.sent(), 1u);
  EXPECT_EQ(queue.acknowledge(0xffffffff), AckOutcome::accepted);
  EXPECT_EQ(queue.acknowledge(0), AckOutcome::accepted);
  EXPECT_EQ(contents(queue), std::vector<std::string>{"c"});
  EXPECT_EQ(queue.acknowledge(2), AckOutcome::handled_count_too_high);
  EXPECT_EQ(queue.acknowledge(1), AckOutcome::accepted);
  EXPECT_TRUE(queue.is_empty());
}

TEST(UnackedQueue, HoldsItsBoundsToTheUnit) {
  Queue by_count({.stanzas_max = 2, .bytes_max = 100});
  EXPECT_TRUE(by_count.push("a", 1));
  EXPECT_TRUE(by_count.push("b", 1));
  EXPECT_FALSE(by_count.push("c", 1));
  EXPECT_EQ(by_count.sent(), 2u);
  Queue by_bytes({.stanzas_max = 10, .bytes_max = 100});
  EXPECT_TRUE(by_bytes.push("a", 60));
  EXPECT_FALSE(by_bytes.push("b", 41));
  EXPECT_FALSE(by_bytes.push("b", static_cast<std::size_t>(-1)));
  EXPECT_TRUE(by_bytes.push("b", 40));
  by_bytes.drain([](std::string&&) {});
  EXPECT_EQ(by_bytes.bytes(), 0u);
  EXPECT_TRUE(by_bytes.has_room(100));
}

}  // namespace
}  // namespace xmpp
