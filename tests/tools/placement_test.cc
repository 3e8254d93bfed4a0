#include "tools/cluster/placement.h"

#include <gtest/gtest.h>

#include <string>

namespace cluster {
namespace {

std::string placed(Placement& placement) {
  const auto node = placement.place();
  return node ? node->name : "nobody";
}

TEST(Placement, TakesTheReadyNodeWithTheFewestSessions) {
  Placement placement;
  placement.look({{"n1", 1, true, 30}, {"n2", 2, true, 10}, {"n3", 3, false, 0}});

  EXPECT_EQ(placed(placement), "n2");
}

TEST(Placement, HasNobodyWhenNoNodeIsReady) {
  Placement placement;
  EXPECT_EQ(placed(placement), "nobody");
  placement.look({{"n1", 1, false, 0}});
  EXPECT_EQ(placed(placement), "nobody");
}

TEST(Placement, SpreadsABurstBetweenTwoLooks) {
  Placement placement;
  placement.look({{"n1", 1, true, 0}, {"n2", 2, true, 0}, {"n3", 3, true, 0}});

  EXPECT_EQ(placed(placement), "n1");
  EXPECT_EQ(placed(placement), "n2");
  EXPECT_EQ(placed(placement), "n3");
  EXPECT_EQ(placed(placement), "n1");
}

TEST(Placement, FillsANewNodeFirst) {
  Placement placement;
  placement.look({{"n1", 1, true, 2}, {"n2", 2, true, 0}});

  EXPECT_EQ(placed(placement), "n2");
  EXPECT_EQ(placed(placement), "n2");
  EXPECT_EQ(placed(placement), "n1");  // Two sessions each, but we know of two on n2 ourselves.
}

TEST(Placement, ForgetsAConnectionThatHasEnded) {
  Placement placement;
  placement.look({{"n1", 1, true, 0}, {"n2", 2, true, 0}});
  EXPECT_EQ(placed(placement), "n1");
  placement.release("n1");

  EXPECT_EQ(placed(placement), "n1");
}

}  // namespace
}  // namespace cluster
