#include "replication/log_ring.h"

#include <gtest/gtest.h>

#include "replication/entry.h"

namespace replication {
namespace {

std::string entry(const std::string& group, const std::string& record = "record") {
  std::string bytes;
  append_entry({Entry::Operation::put, group, "", record}, bytes);
  return bytes;
}

Position append(LogRing& ring, const std::string& group, const std::string& record = "record") {
  return ring.append({Entry::Operation::put, group, "", record});
}

std::vector<std::string> groups(std::string_view entries) {
  std::vector<std::string> all;
  while (!entries.empty()) {
    auto taken = take_entry(entries);
    if (!taken) return {"not an entry"};
    all.emplace_back(taken->group);
  }
  return all;
}

TEST(LogRing, IsReadFromAnyPositionThatItKeeps) {
  LogRing ring(1 << 20);
  for (int i = 1; i <= 5; ++i) EXPECT_EQ(append(ring, std::to_string(i)), Position(i));
  LogRing::Cursor cursor{.position = 2};
  std::string out;
  ASSERT_TRUE(ring.read(cursor, 1 << 20, nullptr, out));
  EXPECT_EQ(groups(out), (std::vector<std::string>{"3", "4", "5"}));
  EXPECT_EQ(cursor.position, 5u);
  out.clear();
  ASSERT_TRUE(ring.read(cursor, 1 << 20, nullptr, out));
  EXPECT_TRUE(out.empty());
}

TEST(LogRing, ReadsInPiecesWithoutLossOrRepetition) {
  LogRing ring(10 << 20);
  std::vector<std::string> written;
  for (int i = 0; i < 2000; ++i) {
    written.push_back(std::to_string(i));
    append(ring, written.back(), std::string(100 + i % 900, 'x'));
  }
  LogRing::Cursor cursor;
  std::string out;
  while (cursor.position < ring.head()) ASSERT_TRUE(ring.read(cursor, 1000, nullptr, out));
  EXPECT_EQ(groups(out), written);
}

TEST(LogRing, LeavesOutWhatIsNotWantedAndMovesOn) {
  LogRing ring(1 << 20);
  for (int i = 1; i <= 6; ++i) append(ring, std::to_string(i));
  LogRing::Cursor cursor;
  std::string out;
  auto even = [](std::string_view, Position position) { return position % 2 == 0; };
  const LogRing::Wanted wanted(even);
  ASSERT_TRUE(ring.read(cursor, 1 << 20, &wanted, out));
  EXPECT_EQ(groups(out), (std::vector<std::string>{"2", "4", "6"}));
  EXPECT_EQ(cursor.position, 6u);
}

TEST(LogRing, SaysWhenAReaderIsTooLate) {
  LogRing ring(200 * 1024);
  LogRing::Cursor cursor;
  for (int i = 0; i < 1000; ++i) append(ring, std::to_string(i), std::string(1000, 'x'));
  EXPECT_FALSE(ring.has_after(0));
  EXPECT_TRUE(ring.has_after(990));
  EXPECT_TRUE(ring.has_after(1000));
  EXPECT_FALSE(ring.has_after(1001));
  std::string out;
  EXPECT_FALSE(ring.read(cursor, 1 << 20, nullptr, out));
  EXPECT_EQ(cursor.position, 0u);
  EXPECT_TRUE(out.empty());
}

TEST(Entry, ThatIsCutOrOverALimitIsNone) {
  std::string whole = entry("group", "record");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::string_view cut = std::string_view(whole).substr(0, size);
    EXPECT_FALSE(take_entry(cut)) << size;
  }
  for (char operation : {'\0', '\3', '\xff'}) {
    std::string other = whole;
    other[0] = operation;
    std::string_view view = other;
    EXPECT_FALSE(take_entry(view));
  }
  std::string large = entry(std::string(key_part_bytes_max + 1, 'k'));
  std::string_view view = large;
  EXPECT_FALSE(take_entry(view));
}

}  // namespace
}  // namespace replication
