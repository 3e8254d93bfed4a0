#include "replication/write_times.h"

#include <gtest/gtest.h>

namespace replication {
namespace {

using namespace std::chrono_literals;
using Time = WriteTimes::Time;

constexpr Time start{1h};

TEST(WriteTimes, KnowWhichLookFoundTheFirstWriteBehindAnAck) {
  WriteTimes times;
  EXPECT_EQ(times.first_after(0), std::nullopt);
  times.look(0, start);
  EXPECT_EQ(times.first_after(0), std::nullopt);
  times.look(3, start + 1s);
  times.look(3, start + 2s);
  times.look(7, start + 3s);
  EXPECT_EQ(times.first_after(0), start + 1s);
  EXPECT_EQ(times.first_after(2), start + 1s);
  EXPECT_EQ(times.first_after(3), start + 3s);
  EXPECT_EQ(times.first_after(6), start + 3s);
  EXPECT_EQ(times.first_after(7), std::nullopt);
  EXPECT_EQ(times.first_after(9), std::nullopt);  // Acked between two looks.
}

TEST(WriteTimes, NeverCallAWriteOlderThanItIsAndKnowTheLastOnesWell) {
  WriteTimes times;
  constexpr Position writes = 20 * WriteTimes::marks_max;
  for (Position head = 1; head <= writes; ++head) times.look(head, start + head * 50ms);
  for (Position write = 1; write <= writes; ++write) {
    const auto found = times.first_after(write - 1);
    ASSERT_TRUE(found) << write;
    ASSERT_GE(*found, start + write * 50ms) << write;
    if (write > writes - WriteTimes::marks_max / 2) {
      ASSERT_EQ(*found, start + write * 50ms) << write;
    }
  }
}

}  // namespace
}  // namespace replication
