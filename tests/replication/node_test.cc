#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/replication/nodes.h"

namespace replication {
namespace {

using Texts = std::map<std::string, std::string>;

TEST(Nodes, SeeEachOthersRecordsOnceJoined) {
  TestNode a("a"), b("b");
  ASSERT_TRUE(a.texts->put({"romeo", "orchard"}, "written before the start"));
  ASSERT_TRUE(join({&a, &b})) << a.events.all() << b.events.all();
  EXPECT_EQ(b.at({"romeo", "orchard"}), (Texts{{"a", "written before the start"}}));

  auto position = b.texts->put({"romeo", "orchard"}, "b's own").value();
  ASSERT_TRUE(b.texts->wait_replicated(position, in(5s)));
  EXPECT_EQ(a.at({"romeo", "orchard"}),
            (Texts{{"a", "written before the start"}, {"b", "b's own"}}));

  ASSERT_TRUE(b.texts->wait_replicated(b.texts->erase({"romeo", "orchard"}), in(5s)));
  EXPECT_EQ(a.at({"romeo", "orchard"}), (Texts{{"a", "written before the start"}}));
  EXPECT_TRUE(a.node->joined());
  EXPECT_TRUE(b.node->joined());
}

TEST(Nodes, FindAllMembersOfAGroup) {
  TestNode a("a"), b("b");
  ASSERT_TRUE(join({&a, &b}));
  ASSERT_TRUE(a.texts->put({"juliet", "balcony"}, "1"));
  auto last = b.texts->put({"juliet", "chamber"}, "2").value();
  ASSERT_TRUE(b.texts->wait_replicated(last, in(5s)));
  Texts found;
  a.texts->find_group("juliet", [&](NodeRef, const Key& key, const std::string& text) {
    found[key.second] = text;
  });
  EXPECT_EQ(found, (Texts{{"balcony", "1"}, {"chamber", "2"}}));

  ASSERT_TRUE(a.texts->put({"juliet", "crypt"}, "3"));
  ASSERT_TRUE(a.texts->wait_replicated(a.texts->erase({"juliet", "balcony"}), in(5s)));
  found.clear();
  b.texts->find_group("juliet", [&](NodeRef, const Key& key, const std::string& text) {
    found[key.second] = text;
  });
  EXPECT_EQ(found, (Texts{{"chamber", "2"}, {"crypt", "3"}}));
}

// Design R7: nobody overwrites anybody, and no node sees another outcome.
TEST(Nodes, ThatWriteOneKeyAtOnceKeepBothRecordsEverywhere) {
  TestNode a("a"), b("b"), c("c");
  ASSERT_TRUE(join({&a, &b, &c}));
  constexpr int writes = 1000;
  const auto write = [](TestNode& node) {
    for (int i = 0; i < writes; ++i) {
      node.texts->put({std::to_string(i % 10), ""}, node.node->id().name + std::to_string(i))
          .value();
    }
  };
  std::thread other([&] { write(b); });
  write(a);
  other.join();
  for (TestNode* node : {&a, &b, &c}) {
    const Texts expected{{"a", "a" + std::to_string(writes - 1)},
                         {"b", "b" + std::to_string(writes - 1)}};
    EXPECT_TRUE(eventually(5s, [&] { return node->at({"9", ""}) == expected; }));
    EXPECT_EQ(node->texts->size(), 20u);
  }
}

// A node alone is joined at once; one whose peers do not answer, as soon as that is known.
TEST(Nodes, AreJoinedWithoutPeersThatDoNotAnswer) {
  TestNode a("a"), never_started("b");
  a.start();
  EXPECT_FALSE(a.node->joined());
  PeerAddress nobody{"b", "127.0.0.1", 1};
  a.node->set_peers({nobody});
  EXPECT_TRUE(a.node->wait_joined(in(5s)));
}

// Design R3: any number of nodes join at once.
TEST(Nodes, JoinAllAtOnce) {
  TestNode a("a"), b("b"), c("c"), d("d");
  std::vector<TestNode*> all{&a, &b, &c, &d};
  for (TestNode* node : all) {
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(node->texts->put({node->node->id().name + std::to_string(i), ""}, "text"));
    }
  }
  ASSERT_TRUE(join(all));
  for (TestNode* node : all) {
    EXPECT_EQ(node->texts->size(), 4000u);
    EXPECT_TRUE(same_records(*node, a, {a.node->id(), b.node->id(), c.node->id(), d.node->id()}));
  }
}

TEST(Nodes, DoNotTakeThemselvesForPeers) {
  TestNode a("a"), b("b");
  a.start();
  b.start();
  const PeerAddress a_as_b{"b", "127.0.0.1", a.node->listen_port()};
  a.node->set_peers({a.address(), a_as_b});
  EXPECT_TRUE(eventually(5s, [&] { return a.peer("b").state == PeerState::refused; }));
  EXPECT_EQ(a.node->peers().size(), 1u);
  EXPECT_FALSE(a.events.has("connected")) << a.events.all();
  a.node->set_peers({a.address(), b.address()});
  EXPECT_TRUE(eventually(5s, [&] { return a.ready("b"); })) << a.events.all();
}

// Discovery may be away when nodes start anew: then whoever was linked is who there is.
TEST(Nodes, DialWhoeverCameByItselfUntilAListLacksIt) {
  TestNode a("a");
  auto b = std::make_unique<TestNode>("b");
  a.start();
  a.node->set_peers({});
  b->start();
  b->node->set_peers({a.address()});
  ASSERT_TRUE(eventually(5s, [&] { return a.ready("b"); })) << a.events.all();
  NodeOptions again = quick("b", 2);
  again.listen_port = b->node->listen_port();
  b.reset();
  TestNode knows_nobody(again);
  knows_nobody.start();
  EXPECT_TRUE(eventually(5s, [&] { return a.ready("b"); })) << a.events.all();

  a.node->set_peers({});
  ASSERT_TRUE(knows_nobody.texts->put({"k", ""}, "text"));
  EXPECT_TRUE(eventually(5s, [&] { return a.texts->size() == 1; }));
  knows_nobody.kill();
  EXPECT_TRUE(eventually(5s, [&] { return a.node->peers().empty(); })) << a.events.all();
}

// Design R5: a kill -9 of the process must be noticed well under a second.
TEST(DeadNode, TakesItsRecordsAwayAtOnce) {
  TestNode a("a"), b("b"), c("c");
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(b.texts->put({std::to_string(i), ""}, "text"));
  ASSERT_TRUE(a.texts->put({"7", ""}, "a's"));
  ASSERT_TRUE(join({&a, &b, &c}));
  const auto died = std::chrono::steady_clock::now();
  b.kill();
  EXPECT_TRUE(eventually(5s, [&] { return a.texts->size() == 1 && c.texts->size() == 1; }));
  EXPECT_LT(std::chrono::steady_clock::now() - died, 1s);
  EXPECT_TRUE(eventually(1s, [&] {
    return a.events.has("gone b: nobody listens at the peer's address, 1000");
  })) << a.events.all();
  EXPECT_EQ(c.at({"7", ""}), (Texts{{"a", "a's"}}));
}

TEST(LeavingNode, IsGoneAtOnceAndNotFormerlyUnreachable) {
  TestNode a("a"), b("b");
  ASSERT_TRUE(b.texts->put({"k", ""}, "text"));
  ASSERT_TRUE(join({&a, &b}));
  b.node->stop();
  EXPECT_TRUE(eventually(1s, [&] { return a.events.has("gone b: the peer left in order, 1"); }))
      << a.events.all();
  EXPECT_FALSE(a.events.has("unreachable"));
  EXPECT_EQ(a.texts->size(), 0u);
}

// Design R6: nothing of a former life stays, nothing of the new one is lost.
TEST(RestartedNode, InheritsNothing) {
  TestNode a("a");
  auto b = std::make_unique<TestNode>("b", 1);
  ASSERT_TRUE(b->texts->put({"old", ""}, "1"));
  ASSERT_TRUE(join({&a, b.get()}));
  NodeOptions again = quick("b", 2);
  again.listen_port = b->node->listen_port();
  b.reset();
  TestNode reborn(again);
  ASSERT_TRUE(reborn.texts->put({"new", ""}, "2"));
  reborn.start();
  introduce({&a, &reborn});
  Texts expected{{"b", "2"}};
  EXPECT_TRUE(eventually(5s, [&] {
    return a.at({"new", ""}) == expected && a.ready("b");
  })) << a.events.all();
  EXPECT_EQ(a.texts->size(), 1u);
  EXPECT_EQ(a.events.count("gone b"), 1u) << a.events.all();
}

TEST(Watcher, IsToldOfTheOthersChangesInOrderAndOfTheirEnd) {
  Guarded<std::vector<std::string>> seen;
  TestNode a("a"), b("b");
  a.texts->watch([&](const TextTable::Change& change) {
    bool put = change.kind == TextTable::Change::Kind::put;
    seen.with([&](auto& all) { all.push_back((put ? "+" : "-") + change.record); });
  });
  ASSERT_TRUE(join({&a, &b}));
  ASSERT_TRUE(a.texts->put({"own", ""}, "not told"));
  ASSERT_TRUE(b.texts->put({"k", ""}, "1"));
  ASSERT_TRUE(b.texts->put({"k", ""}, "2"));
  b.texts->erase({"k", ""});
  ASSERT_TRUE(b.texts->wait_replicated(b.texts->put({"k", ""}, "3").value(), in(5s)));
  b.kill();
  std::vector<std::string> expected{"+1", "+2", "-2", "+3", "-3"};
  EXPECT_TRUE(eventually(5s, [&] { return seen.copy() == expected; }));
}

// Records of a unique table with the stamp that decides.
struct Session {
  std::uint64_t stamp = 0;
  std::string text;
};

}  // namespace

template <>
struct Codec<Session> {
  static void encode(const Session& session, std::string& out) {
    out += static_cast<char>(session.stamp);
    out += session.text;
  }
  static bool decode(std::string_view bytes, Session& session) {
    if (bytes.empty()) return false;
    session = {static_cast<unsigned char>(bytes[0]), std::string(bytes.substr(1))};
    return true;
  }
  static std::uint64_t stamp(const Session& session) { return session.stamp; }
};

namespace {

// Design R8, G6: two nodes that did not know of each other, and have the same key.
TEST(UniqueTable, HasOneWinnerOnAllNodesAndTellsTheLoser) {
  Guarded<std::vector<std::string>> lost;
  TestNode a("a"), b("b"), c("c");
  Table<Key, Session> at_a(*a.node, "sessions", {.unique = true});
  Table<Key, Session> at_b(*b.node, "sessions", {.unique = true});
  Table<Key, Session> at_c(*c.node, "sessions", {.unique = true});
  at_a.on_conflict_lost([&](const Key& key, const Session& ours, NodeRef winner) {
    lost.with([&](auto& all) {
      all.push_back(key.second + " " + ours.text + " to " + a.node->id(winner).name);
    });
  });
  ASSERT_TRUE(at_a.put({"juliet", "balcony"}, {1, "first"}));
  ASSERT_TRUE(at_b.put({"juliet", "balcony"}, {2, "second"}));
  ASSERT_TRUE(join({&a, &b, &c}));
  std::vector<std::string> expected{"balcony first to b"};
  EXPECT_TRUE(eventually(5s, [&] { return lost.copy() == expected; }));
  for (auto* table : {&at_a, &at_b, &at_c}) {
    std::vector<std::string> found;
    EXPECT_TRUE(eventually(5s, [&] { return table->size() == 1; }));
    table->find({"juliet", "balcony"},
                [&](NodeRef, const Session& session) { found.push_back(session.text); });
    EXPECT_EQ(found, std::vector<std::string>{"second"});
  }
}

// Design R8: the same, when nothing but the order of arrival differs.
TEST(UniqueTable, WrittenByTwoNodesAtOnceEndsTheSameOnAll) {
  TestNode a("a"), b("b"), c("c");
  Table<Key, Session> at_a(*a.node, "sessions", {.unique = true});
  Table<Key, Session> at_b(*b.node, "sessions", {.unique = true});
  Table<Key, Session> at_c(*c.node, "sessions", {.unique = true});
  ASSERT_TRUE(join({&a, &b, &c}));
  constexpr int keys = 100;
  // Of each key one node has the greater stamp, and of every third both have the same.
  const auto write = [](Table<Key, Session>& table, int own) {
    for (int i = 0; i < keys; ++i) {
      const auto stamp = static_cast<std::uint64_t>(i % 3 == own ? 2 : 1);
      table.put({std::to_string(i), ""}, {stamp, own == 0 ? "a" : "b"}).value();
    }
  };
  std::thread other([&] { write(at_b, 1); });
  write(at_a, 0);
  other.join();
  for (auto* table : {&at_a, &at_b, &at_c}) {
    for (int i = 0; i < keys; ++i) {
      const std::vector<std::string> expected{i % 3 == 0 ? "a" : "b"};  // Ties: the greater name.
      std::vector<std::string> found;
      EXPECT_TRUE(eventually(5s, [&] {
        found.clear();
        table->find({std::to_string(i), ""},
                    [&](NodeRef, const Session& session) { found.push_back(session.text); });
        return found == expected;
      })) << i;
    }
    EXPECT_TRUE(eventually(5s, [&] { return table->size() == keys; }));
  }
}

// Design R3: a join stops nothing anywhere.
TEST(Join, KeepsNoWriterWaiting) {
  constexpr int records = 100'000;
  TestNode a("a"), b("b"), c("c");
  for (int i = 0; i < records; ++i) {
    ASSERT_TRUE(a.texts->put({"user" + std::to_string(i), "r"}, "a session record of some bytes"));
  }
  ASSERT_TRUE(join({&a, &b}));
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) {
      std::string user = "user" + std::to_string(i * 7919 % records);
      if (i % 3 == 0) {
        a.texts->erase({user, "r"});
      } else {
        a.texts->put({user, "r"}, "written during the join " + std::to_string(i)).value();
      }
      std::this_thread::yield();
    }
  });
  c.start();
  introduce({&a, &b, &c});
  bool caught_up = eventually(30s, [&] { return c.ready("a"); });
  stop = true;
  writer.join();
  ASSERT_TRUE(caught_up) << c.events.all();
  ASSERT_TRUE(a.texts->wait_replicated(a.texts->position(), in(30s)));
  EXPECT_TRUE(eventually(10s, [&] { return same_records(a, c, {a.node->id()}); }));
  EXPECT_TRUE(same_records(a, b, {a.node->id()}));
  // Generous: the machine is shared, and a writer can lose its core.
  EXPECT_LT(a.node->tables().at(0).write_stall_max, 500ms);
  EXPECT_GE(c.peer("a").last_join.records, 60'000u);
}

TEST(Replication, WaitsNoLongerThanItsDeadlineAndTheNodesLife) {
  TestNode a("a");
  a.start();
  auto late = a.texts->wait_replicated(a.texts->position() + 1, in(30ms));
  EXPECT_EQ(late.error(), make_error_code(Errc::deadline_passed));
  a.node->stop();
  auto stopped = a.texts->wait_replicated(a.texts->position() + 1, in(10s));
  EXPECT_EQ(stopped.error(), make_error_code(Errc::stopped));
}

// A bulk is many writes and one wait.
TEST(Replication, OfALaterWriteCoversAllBeforeIt) {
  TestNode a("a"), b("b"), c("c");
  ASSERT_TRUE(join({&a, &b, &c}));
  Position last = 0;
  for (int i = 0; i < 1000; ++i) last = a.texts->put({std::to_string(i), ""}, "text").value();
  ASSERT_TRUE(a.texts->wait_replicated(last, in(5s)));
  EXPECT_EQ(b.texts->size(), 1000u);
  EXPECT_EQ(c.texts->size(), 1000u);
  for (int i = 0; i < 1000; i += 2) last = a.texts->erase({std::to_string(i), ""});
  ASSERT_TRUE(a.texts->wait_replicated(last, in(5s)));
  EXPECT_EQ(b.texts->size(), 500u);
  EXPECT_EQ(c.texts->size(), 500u);
}

TEST(Replication, IsThereAtOnceForANodeAlone) {
  TestNode a("a");
  a.start();
  a.node->set_peers({});
  EXPECT_TRUE(a.texts->wait_replicated(a.texts->put({"k", ""}, "text").value(), in(5s)));
}

TEST(Introspection, ListsEachPeerOnceAndNotTheNodeItself) {
  TestNode a("a"), b("b"), c("c"), d("d");
  const std::vector<TestNode*> all{&a, &b, &c, &d};
  ASSERT_TRUE(join(all));
  for (TestNode* node : all) {
    std::vector<std::string> expected, names;
    for (TestNode* other : all) {
      if (other != node) expected.push_back(other->node->id().name);
    }
    for (const PeerStatus& peer : node->node->peers()) names.push_back(peer.id.name);
    EXPECT_EQ(names, expected);
  }
  c.node->stop();
  EXPECT_TRUE(eventually(5s, [&] { return a.peer("c").state == PeerState::gone; }));
  EXPECT_EQ(a.node->tables().at(0).table, "texts");
}

TEST(Introspection, TellsWhereEachLogStands) {
  TestNode a("a"), b("b");
  ASSERT_TRUE(join({&a, &b}));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(a.texts->put({std::to_string(i), ""}, "text"));
  ASSERT_TRUE(a.texts->wait_replicated(10, in(5s)));
  EXPECT_TRUE(eventually(2s, [&] { return a.peer("b").tables.at(0).sent_acked == 10; }));
  EXPECT_TRUE(eventually(2s, [&] { return b.peer("a").tables.at(0).received == 10; }));
  EXPECT_EQ(b.peer("a").tables.at(0).records, 10u);
  EXPECT_TRUE(eventually(2s, [&] { return a.peer("b").round_trip > 0us; }));
  EXPECT_EQ(a.node->tables().at(0).records_own, 10u);
  EXPECT_EQ(a.peer("b").protocol, 1);
}

// Design R1, R2: neither peers nor links are needed for it, not even a start.
TEST(Put, IsSeenHereOnReturnAndSoIsErase) {
  TestNode a("a");
  for (bool started : {false, true}) {
    if (started) a.start();
    ASSERT_TRUE(a.texts->put({"k", ""}, "first"));
    EXPECT_EQ(a.at({"k", ""}), (Texts{{"a", "first"}}));
    ASSERT_TRUE(a.texts->put({"k", ""}, "second"));
    EXPECT_EQ(a.at({"k", ""}), (Texts{{"a", "second"}}));
    EXPECT_EQ(a.texts->size(), 1u);
    a.texts->erase({"k", ""});
    a.texts->erase({"k", ""});  // Nothing there is no error.
    EXPECT_EQ(a.at({"k", ""}), Texts());
  }
}

TEST(Put, RefusesWhatIsTooLarge) {
  TestNode a("a");
  EXPECT_TRUE(a.texts->put({std::string(4096, 'k'), ""}, std::string(256 * 1024, 'r')));
  EXPECT_EQ(a.texts->put({std::string(4097, 'k'), ""}, "r").error(), Errc::too_large);
  EXPECT_EQ(a.texts->put({"k", ""}, std::string(256 * 1024 + 1, 'r')).error(), Errc::too_large);
  EXPECT_EQ(a.texts->size(), 1u);
}

// R10: a release that appends a field to a table's records runs beside the one before.
TEST(Table, IsSharedWithAReleaseOfAnotherVersionWhichIsReported) {
  TestNode older(quick("older"), {.version = 1});
  TestNode newer(quick("newer"), {.version = 2});
  TestNode other(quick("other"), {.version = 1});
  ASSERT_TRUE(join({&older, &newer, &other}));
  ASSERT_TRUE(newer.texts->put({"key", ""}, "value"));
  EXPECT_TRUE(eventually(5s, [&] { return older.at({"key", ""}).contains("newer"); }));
  EXPECT_TRUE(older.events.has("newer has version 2 of texts")) << older.events.all();
  EXPECT_TRUE(newer.events.has("older has version 1 of texts")) << newer.events.all();
  EXPECT_FALSE(other.events.has("older has version")) << other.events.all();
}

}  // namespace
}  // namespace replication
