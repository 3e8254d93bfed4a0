#include "replication/record_shard.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>

namespace replication {
namespace {

using Key = std::tuple<std::uint16_t, std::string, std::string>;  // Owner, group, member.
using Records = std::map<Key, std::string>;

RecordView at(const Key& key, std::string_view record = {}) {
  return {.owner = NodeRef{std::get<0>(key)},
          .group = std::get<1>(key),
          .member = std::get<2>(key),
          .record = record};
}

Key key_of(const RecordView& record) {
  return {record.owner.index, std::string(record.group), std::string(record.member)};
}

// Few different hashes, and none that the shard's number would not allow: groups collide.
std::uint64_t hash_of(const Key& key) {
  return std::hash<std::string>()(std::get<1>(key)) % 40 * 0x1234567890ab00;
}

Records all(const RecordShard& shard) {
  Records found;
  shard.visit([&](const RecordView& record) {
    EXPECT_TRUE(found.emplace(key_of(record), record.record).second);
  });
  return found;
}

Key random_key(std::mt19937& random) {
  return {random() % 3, "group" + std::to_string(random() % 60), std::to_string(random() % 5)};
}

void put(RecordShard& shard, Records& model, const Key& key, const std::string& record) {
  std::string before = "none";
  shard.put(hash_of(key), at(key, record), 1, [&](std::string_view old) { before = old; });
  auto known = model.find(key);
  EXPECT_EQ(before, known == model.end() ? "none" : known->second);
  model[key] = record;
}

// Any mixture of writes ends with what a map would hold.
TEST(RecordShard, HoldsWhatWasPutAndNotErased) {
  std::mt19937 random(7);
  RecordShard shard;
  Records model;
  for (int step = 0; step < 50'000; ++step) {
    const Key key = random_key(random);
    // Longer phases of growth and of decline.
    if (random() % 10 < (step / 5000 % 2 == 0 ? 7u : 3u)) {
      put(shard, model, key, std::string(1 + random() % 20, 'x') + std::to_string(step));
    } else {
      std::string before = "none";
      const bool erased =
          shard.erase(hash_of(key), at(key), [&](std::string_view old) { before = old; });
      auto known = model.find(key);
      ASSERT_EQ(erased, known != model.end());
      if (erased) {
        EXPECT_EQ(before, known->second);
        model.erase(known);
      }
    }
    const Key other = random_key(random);
    auto known = model.find(other);
    const std::string_view found = shard.find(hash_of(other), at(other));
    ASSERT_EQ(found.data() != nullptr, known != model.end());
    if (known != model.end()) {
      ASSERT_EQ(found, known->second);
    }
    ASSERT_EQ(shard.size(), model.size());
  }
  EXPECT_EQ(all(shard), model);
}

TEST(RecordShard, FindsAllOfAGroupAndNoOthers) {
  std::mt19937 random(11);
  RecordShard shard;
  Records model;
  for (int step = 0; step < 2000; ++step) put(shard, model, random_key(random), "r");
  for (int number = 0; number < 60; ++number) {
    const std::string group = "group" + std::to_string(number);
    Records expected, found;
    for (const auto& [key, record] : model) {
      if (std::get<1>(key) == group) expected.emplace(key, record);
    }
    shard.visit_group(hash_of({0, group, ""}), group, [&](const RecordView& record) {
      EXPECT_TRUE(found.emplace(key_of(record), record.record).second);
    });
    EXPECT_EQ(found, expected);
  }
}

// Between two steps of a walk others write: the walk still removes all that it shall, and no more.
TEST(RecordShard, RemovesInStepsWithWritesInBetween) {
  RecordShard shard;
  auto ignore = [](std::string_view) {};
  auto hash = [](int number) { return static_cast<std::uint64_t>(number) * 0x9e3779b97f4a7c15; };
  auto key = [](std::uint16_t owner, int number) { return Key{owner, std::to_string(number), ""}; };
  for (int number = 0; number < 5000; ++number) {
    shard.put(hash(number), at(key(1, number), "dead"), 1, ignore);
    shard.put(hash(number), at(key(2, number), "alive"), 1, ignore);
  }
  RecordShard::Walk walk;
  std::size_t steps = 0, removed = 0;
  int written = 5000;
  auto count_taken = [&] {
    walk.visit_taken([&](const RecordView& record) {
      EXPECT_EQ(record.owner.index, 1);
      EXPECT_EQ(record.record, "dead");
      ++removed;
    });
    walk.clear();
  };
  while (!shard.take_some(walk, NodeRef{1}, std::nullopt)) {
    ++steps;
    count_taken();
    // Enough of them to have the slots laid out anew.
    for (int more = 0; more < 300; ++more, ++written) {
      shard.put(hash(written), at(key(2, written), "new"), 1, ignore);
    }
  }
  count_taken();
  EXPECT_GT(steps, 10u);
  EXPECT_EQ(removed, 5000u);
  EXPECT_EQ(shard.size(), static_cast<std::size_t>(written));
  for (int number = 0; number < written; ++number) {
    ASSERT_EQ(shard.find(hash(number), at(key(1, number))).data(), nullptr);
    ASSERT_EQ(shard.find(hash(number), at(key(2, number))), number < 5000 ? "alive" : "new");
  }
}

// A slot has room for eight bits of the owner's number: 300 and 44 look alike in it.
TEST(RecordShard, TellsOwnersApartWhoseNumbersLookAlike) {
  RecordShard shard;
  auto ignore = [](std::string_view) {};
  const Key one{300, "group", "member"}, other{300 % 256, "group", "member"};
  shard.put(1, at(one, "one"), 1, ignore);
  shard.put(1, at(other, "other"), 1, ignore);
  EXPECT_EQ(shard.find(1, at(one)), "one");
  EXPECT_EQ(shard.find(1, at(other)), "other");
  Records of_one;
  shard.visit_owner(NodeRef{300}, [&](const RecordView& record) {
    of_one.emplace(key_of(record), record.record);
  });
  EXPECT_EQ(of_one, (Records{{one, "one"}}));
  RecordShard::Walk walk;
  EXPECT_TRUE(shard.take_some(walk, NodeRef{300}, std::nullopt));
  EXPECT_EQ(all(shard), (Records{{other, "other"}}));
}

TEST(RecordShard, KnowsTheEpochOfTheLastWrite) {
  RecordShard shard;
  auto ignore = [](std::string_view) {};
  const Key renewed{1, "renewed", ""}, stale{1, "stale", ""};
  shard.put(1, at(renewed, "same"), 1, ignore);
  shard.put(2, at(stale, "same"), 1, ignore);
  shard.put(1, at(renewed, "same"), 2, ignore);
  RecordShard::Walk walk;
  EXPECT_TRUE(shard.take_some(walk, NodeRef{1}, std::uint16_t{2}));
  EXPECT_EQ(all(shard), (Records{{renewed, "same"}}));
}

}  // namespace
}  // namespace replication
