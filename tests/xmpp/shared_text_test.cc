#include "xmpp/shared_text.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace xmpp {
namespace {

TEST(SharedText, HoldsACopyThatItsCopiesShare) {
  std::string original = "wherefore";
  const SharedText text = original;
  original[0] = 'W';
  const SharedText copy = text;  // NOLINT(performance-unnecessary-copy-initialization): the point.
  EXPECT_EQ(text, "wherefore");
  EXPECT_EQ(copy, text);
  EXPECT_EQ(copy.data(), text.data());
  EXPECT_EQ(copy.size(), 9u);
}

TEST(SharedText, ComparesByItsBytes) {
  EXPECT_EQ(SharedText("a"), SharedText(std::string("a")));
  EXPECT_NE(SharedText("a"), SharedText("b"));
  EXPECT_NE(SharedText("a"), SharedText());
  EXPECT_EQ(SharedText(""), SharedText());
  EXPECT_TRUE(SharedText("").empty());
}

TEST(SharedText, IsKeptByWhoeverIsLeft) {
  SharedText first("art thou");
  SharedText second = first;
  first = SharedText("Romeo");
  EXPECT_EQ(second, "art thou");
  SharedText third = std::move(second);
  third = third;  // NOLINT(clang-diagnostic-self-assign-overloaded): may it?
  EXPECT_EQ(third, "art thou");
}

TEST(SharedText, IsCopiedAndDroppedByManyThreads) {
  const SharedText text("a text of some length, too long for any small buffer");
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([text] {
      for (int round = 0; round < 10'000; ++round) {
        const SharedText copy = text;
        ASSERT_EQ(copy.size(), text.size());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(text.size(), 52u);
}

}  // namespace
}  // namespace xmpp
