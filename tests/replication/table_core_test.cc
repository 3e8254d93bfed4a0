#include "replication/table_core.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "replication/entry.h"
#include "replication/error.h"
#include "replication/owners.h"

namespace replication {
namespace {

using Texts = std::set<std::string>;

// One node's replica, fed by hand as if links brought it the entries of two peers.
struct Replica {
  explicit Replica(TableOptions options = {})
      : table("t", options, owners, 1 << 20, {.cluster = 7, .node = 11},
              [this](Wake wake) { wakes.push_back(wake); }) {
    b = meet("b");
    c = meet("c");
  }

  NodeRef meet(const std::string& name) {
    NodeRef ref = owners.intern({name, 1}).value();
    owners.set_life(ref, Owners::Life::reachable);
    return ref;
  }

  static std::string put(const std::string& group, const std::string& record) {
    std::string bytes;
    append_entry({Entry::Operation::put, group, "", record}, bytes);
    return bytes;
  }
  static std::string erase(const std::string& group) {
    std::string bytes;
    append_entry({Entry::Operation::erase, group, "", ""}, bytes);
    return bytes;
  }
  static std::string stamped(std::uint64_t stamp, const std::string& text) {
    std::string record;
    append_stamp(stamp, record);
    return record + text;
  }
  bool apply(NodeRef owner, const std::string& entries) {
    std::uint64_t count = 0;
    return table.apply(owner, entries, count);
  }

  Texts at(const std::string& group) const {
    Texts found;
    table.find(group, "", [&](const RecordView& at) { found.emplace(at.record); });
    return found;
  }

  Owners owners{{"a", 1}, {}};
  std::vector<Wake> wakes;
  TableCore table;
  NodeRef b, c;
};

TEST(Replica, KeepsARecordOfEachOwnerAtAKey) {
  Replica replica;
  ASSERT_TRUE(replica.table.put("k", "", "a's"));
  ASSERT_TRUE(replica.apply(replica.b, Replica::put("k", "b's")));
  ASSERT_TRUE(replica.apply(replica.c, Replica::put("k", "c's")));
  EXPECT_EQ(replica.at("k"), (Texts{"a's", "b's", "c's"}));
  ASSERT_TRUE(replica.apply(replica.b, Replica::erase("k")));
  EXPECT_EQ(replica.at("k"), (Texts{"a's", "c's"}));
  replica.table.erase("k", "");
  EXPECT_EQ(replica.at("k"), Texts{"c's"});
}

// hardening K2: an owner's entries touch no record of another.
TEST(Replica, ErasesOnlyWhatTheOwnerOwns) {
  Replica replica;
  ASSERT_TRUE(replica.table.put("k", "", "a's"));
  ASSERT_TRUE(replica.apply(replica.b, Replica::erase("k")));
  EXPECT_EQ(replica.at("k"), Texts{"a's"});
}

TEST(Replica, HidesTheRecordsOfAnOwnerThatIsGoneBeforeTheyAreSwept) {
  Replica replica;
  ASSERT_TRUE(replica.apply(replica.b, Replica::put("k", "b's")));
  replica.owners.set_life(replica.b, Owners::Life::gone);
  EXPECT_EQ(replica.at("k"), Texts{});
  EXPECT_EQ(replica.table.size(), 0u);
  for (std::size_t shard = 0; shard < TableCore::shard_count; ++shard) {
    replica.table.drop_shard(replica.b, shard);
  }
  replica.owners.set_life(replica.b, Owners::Life::reachable);
  EXPECT_EQ(replica.at("k"), Texts{});
}

TEST(Snapshot, TakesAwayWhatItDoesNotContain) {
  Replica replica;
  ASSERT_TRUE(replica.apply(replica.b, Replica::put("old", "1") + Replica::put("kept", "1")));
  ASSERT_TRUE(replica.apply(replica.c, Replica::put("old", "c's")));
  replica.table.begin_snapshot(replica.b, 10);
  ASSERT_TRUE(replica.apply(replica.b, Replica::put("kept", "2") + Replica::put("new", "2")));
  EXPECT_FALSE(replica.table.replica(replica.b).complete);
  replica.table.end_snapshot(replica.b);
  EXPECT_EQ(replica.at("old"), Texts{"c's"});
  EXPECT_EQ(replica.at("kept"), Texts{"2"});
  EXPECT_EQ(replica.at("new"), Texts{"2"});
  EXPECT_TRUE(replica.table.replica(replica.b).complete);
  EXPECT_EQ(replica.table.digest(replica.b).records, 2u);
}

TEST(Digest, IsEqualExactlyWhenTheRecordsAre) {
  Replica here, there;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(here.apply(here.b, Replica::put(std::to_string(i), "text")));
    ASSERT_TRUE(there.apply(there.b, Replica::put(std::to_string(99 - i), "text")));
  }
  EXPECT_EQ(here.table.digest(here.b), there.table.digest(there.b));
  ASSERT_TRUE(here.apply(here.b, Replica::put("7", "other")));
  EXPECT_NE(here.table.digest(here.b), there.table.digest(there.b));
  ASSERT_TRUE(here.apply(here.b, Replica::put("7", "text")));
  EXPECT_EQ(here.table.digest(here.b), there.table.digest(there.b));
  ASSERT_TRUE(here.apply(here.b, Replica::erase("7")));
  EXPECT_NE(here.table.digest(here.b).sum, there.table.digest(there.b).sum);
}

TEST(ShardCopies, TogetherAreTheNodesOwnRecords) {
  Replica replica, copy;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(replica.table.put(std::to_string(i), "", "text " + std::to_string(i)));
  }
  ASSERT_TRUE(replica.apply(replica.b, Replica::put("other", "b's")));
  std::uint64_t records = 0;
  for (std::size_t shard = 0; shard < TableCore::shard_count; ++shard) {
    std::vector<std::string> chunks;
    auto of_shard = replica.table.copy_shard(shard, 100, chunks);
    EXPECT_EQ(of_shard.position, 1000u);
    records += of_shard.records;
    for (const std::string& chunk : chunks) ASSERT_TRUE(copy.apply(copy.b, chunk));
  }
  EXPECT_EQ(records, 1000u);
  EXPECT_EQ(copy.table.digest(copy.b), replica.table.digest(self_ref));
}

// docs/design/0010: acks end the waits that are there when they come, so only a wait for what has
// been acknowledged already must wake somebody.
TEST(Waits, EndWithTheAckOfTheirWriteOrAtTheirDeadline) {
  Replica replica;
  std::vector<std::string> ended;
  const Deadline now{}, soon = now + std::chrono::seconds(1), later = now + std::chrono::seconds(2);
  auto wait = [&](Position position, Deadline deadline) {
    replica.table.when_replicated(
        position, deadline, [&ended, position](boost::system::error_code error) {
          ended.push_back(std::to_string(position) + (error ? " " + error.message() : ""));
        });
  };
  auto settle = [&](Position acked, Deadline at) {
    std::vector<TableCore::EndedWait> over;
    replica.table.settle_waits(acked, at, over);
    for (auto& one : over) one.done(one.error);
  };
  const std::string late = ' ' + make_error_code(Errc::deadline_passed).message();
  settle(3, now);
  for (Position position : {8, 4, 6, 5, 7}) wait(position, position == 7 ? soon : later);
  EXPECT_TRUE(replica.wakes.empty());
  settle(5, now);
  EXPECT_EQ(ended, (std::vector<std::string>{"4", "5"}));
  settle(5, soon);
  EXPECT_EQ(ended, (std::vector<std::string>{"4", "5", "7" + late}));
  wait(5, later);
  EXPECT_EQ(replica.wakes, std::vector{Wake::at_once});
  settle(6, soon);
  EXPECT_EQ(ended, (std::vector<std::string>{"4", "5", "7" + late, "5", "6"}));
  settle(6, later);
  EXPECT_EQ(ended, (std::vector<std::string>{"4", "5", "7" + late, "5", "6", "8" + late}));
}

TEST(Entries, ThatAreBrokenAreNotApplied) {
  Replica replica;
  std::string good = Replica::put("k", "text");
  EXPECT_FALSE(replica.apply(replica.b, good.substr(0, good.size() - 1)));
  EXPECT_FALSE(replica.apply(replica.b, "x" + good));
  EXPECT_EQ(replica.at("k"), Texts{});
}

// Design R8: the same winner whatever order the records arrive in.
TEST(UniqueTable, ShowsTheNewestRecordOnly) {
  std::string older = Replica::put("k", Replica::stamped(1, "older"));
  std::string newer = Replica::put("k", Replica::stamped(2, "newer"));
  for (bool newer_first : {true, false}) {
    Replica replica({.unique = true});
    ASSERT_TRUE(newer_first ? replica.apply(replica.c, newer) : replica.apply(replica.b, older));
    ASSERT_TRUE(newer_first ? replica.apply(replica.b, older) : replica.apply(replica.c, newer));
    EXPECT_EQ(replica.at("k"), Texts{Replica::stamped(2, "newer")});
    replica.owners.set_life(replica.c, Owners::Life::gone);
    EXPECT_EQ(replica.at("k"), Texts{Replica::stamped(1, "older")});
  }
}

TEST(UniqueTable, BreaksTiesByNode) {
  Replica replica({.unique = true});
  ASSERT_TRUE(replica.apply(replica.c, Replica::put("k", Replica::stamped(1, "c's"))));
  ASSERT_TRUE(replica.apply(replica.b, Replica::put("k", Replica::stamped(1, "b's"))));
  EXPECT_EQ(replica.at("k"), Texts{Replica::stamped(1, "c's")});
}

// Design R8: the losing owner erases its record, in its log, and is told who won.
TEST(UniqueTable, TellsTheLosingOwner) {
  Replica replica({.unique = true});
  std::vector<std::pair<std::string, NodeRef>> lost;
  replica.table.on_conflict_lost([&](const RecordView& ours, NodeRef winner) {
    lost.emplace_back(without_stamp(ours.record), winner);
  });
  ASSERT_TRUE(replica.table.put("k", "", Replica::stamped(5, "ours")));
  ASSERT_TRUE(replica.apply(replica.b, Replica::put("k", Replica::stamped(4, "older"))));
  EXPECT_TRUE(lost.empty());
  EXPECT_EQ(replica.at("k"), Texts{Replica::stamped(5, "ours")});
  Position before = replica.table.position();
  ASSERT_TRUE(replica.apply(replica.c, Replica::put("k", Replica::stamped(6, "newer"))));
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].first, "ours");
  EXPECT_EQ(lost[0].second, replica.c);
  EXPECT_EQ(replica.table.position(), before + 1);
  EXPECT_EQ(replica.table.digest(self_ref).records, 0u);
  EXPECT_EQ(replica.table.status().conflicts_lost, 1u);
  EXPECT_EQ(replica.at("k"), Texts{Replica::stamped(6, "newer")});
}

TEST(UniqueTable, TellsALocalWriterThatCameTooLate) {
  Replica replica({.unique = true});
  int lost = 0;
  replica.table.on_conflict_lost([&](const RecordView&, NodeRef) { ++lost; });
  ASSERT_TRUE(replica.apply(replica.b, Replica::put("k", Replica::stamped(9, "newer"))));
  ASSERT_TRUE(replica.table.put("k", "", Replica::stamped(8, "ours")));
  EXPECT_EQ(replica.at("k"), Texts{Replica::stamped(9, "newer")});
  replica.table.resolve_pending_conflicts();
  EXPECT_EQ(lost, 1);
  EXPECT_EQ(replica.table.status().conflicts_lost, 1u);
  EXPECT_EQ(replica.table.digest(self_ref).records, 0u);
}

}  // namespace
}  // namespace replication
