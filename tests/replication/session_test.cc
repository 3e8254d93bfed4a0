// What two ends of a link say to each other, passed by hand: no sockets, no threads.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replication/entry.h"
#include "replication/environment.h"
#include "replication/events.h"
#include "replication/inflow.h"
#include "replication/node.h"
#include "replication/node_state.h"
#include "replication/outflow.h"
#include "replication/table.h"
#include "replication/wire.h"

namespace replication {
namespace {

using Texts = Table<std::string, std::string>;

// What bytes are passed by hand need of a world: a clock.
class HandWound : public Environment {
 public:
  static inline Time time;

  Time now() const override { return time; }
  void post(Task) override {}
  void after(std::chrono::steady_clock::duration, Task) override {}
  std::string random_bytes(std::size_t count) override { return std::string(count, 'r'); }
  Result<std::unique_ptr<Listener>> listen(const std::string&, std::uint16_t) override {
    return make_error_code(Errc::stopped);
  }
  std::unique_ptr<Connection> dial(const std::string&, std::uint16_t, DialHandler) override {
    return nullptr;
  }
  void start() override {}
  void finish(Task) override {}
  void join() override {}
  void close() override {}
};

struct End {
  explicit End(const std::string& name, const std::string& peer_name)
      : node({.cluster = "test",
              .name = name,
              .incarnation = 1,
              .secret = "s",
              .log_ring_bytes = 64 << 20},
             events, std::make_unique<HandWound>()),
        texts(node, "texts"),
        peer(node.state().owners.intern({peer_name, 1}).value()) {
    node.state().owners.set_life(peer, Owners::Life::reachable);
    node.state().owners.owner(peer).outbox.open();
    node.on_message([this](NodeRef, std::string_view text) { messages.emplace_back(text); });
  }

  // A new link, which both ends begin with what they hold.
  void link() {
    outflow.emplace(node.state(), peer);
    inflow.emplace(node.state(), peer, *outflow);
    inflow->begin();
    decoder = FrameDecoder(1 << 20);
  }

  std::string say(std::size_t bytes_max = 1 << 20) {
    std::string out;
    outflow->fill(bytes_max, out);
    return out;
  }

  boost::system::error_code hear(const std::string& bytes) {
    decoder.feed(bytes);
    for (;;) {
      auto frame = decoder.next();
      if (!frame) return frame.error();
      if (!*frame) break;
      kinds.push_back((*frame)->kind);
      if (auto error = inflow->take(**frame)) return error;
    }
    inflow->acknowledge();
    return {};
  }

  std::size_t heard(FrameKind kind) const {
    return static_cast<std::size_t>(std::count(kinds.begin(), kinds.end(), kind));
  }

  Events events;
  Node node;
  Texts texts;
  NodeRef peer;
  std::vector<std::string> messages;
  std::vector<FrameKind> kinds;
  FrameDecoder decoder{1 << 20};
  std::optional<Outflow> outflow;
  std::optional<Inflow> inflow;
};

struct Pair {
  void link() {
    a.link();
    b.link();
  }

  // Passes bytes in both directions until neither has more, calling `between` before each turn.
  void talk(const std::function<void()>& between = [] {}) {
    for (bool more = true; more;) {
      between();
      // One byte: each fill sends as little as it can, so that much comes between.
      std::string from_a = a.say(1), from_b = b.say(1);
      ASSERT_FALSE(b.hear(from_a));
      ASSERT_FALSE(a.hear(from_b));
      more = !from_a.empty() || !from_b.empty();
    }
  }

  // The first ack tells how near the peer is.
  void link_that_has_acked(const std::function<void()>& between = [] {}) {
    link();
    talk();
    a.texts.put("first", "").value();
    talk(between);
  }

  bool equal() {
    return a.texts.digest(self_ref) == b.texts.digest(b.peer) &&
           b.texts.digest(self_ref) == a.texts.digest(a.peer);
  }

  End a{"a", "b"}, b{"b", "a"};
};

// Design R3: the snapshot and the log are merged so that each key changes in the order of the log.
TEST(Session, MergesSnapshotAndLogInOrderOfEachKey) {
  Pair pair;
  std::map<std::string, int> last;
  bool backwards = false;
  pair.b.texts.watch([&](const Texts::Change& change) {
    if (change.kind == Texts::Change::Kind::erase) return;
    int value = std::stoi(change.record);
    backwards = backwards || value < last[change.key];
    last[change.key] = value;
  });
  int next = 0;
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(pair.a.texts.put(std::to_string(i), std::to_string(++next)));
  }
  pair.link();
  // Faster than the link takes them, so that copies overtake the log: of keys all over the shards,
  // some copied by then and some not.
  const std::string padding(40'000, ' ');
  int writes = 0;
  pair.talk([&] {
    for (int i = 0; i < 2 && writes < 600; ++i, ++writes) {
      std::string key = std::to_string(writes * 7919 % 200);
      if (writes % 5 == 4) {
        pair.a.texts.erase(key);
      } else {
        pair.a.texts.put(key, std::to_string(++next) + padding).value();
      }
    }
  });
  EXPECT_FALSE(backwards);
  EXPECT_TRUE(pair.equal());
  EXPECT_GT(pair.b.heard(FrameKind::log), 100u);
  EXPECT_EQ(pair.b.heard(FrameKind::snapshot_end), 1u);
  EXPECT_TRUE(pair.a.outflow->settled());
  EXPECT_EQ(pair.a.outflow->acked(0).position, pair.a.texts.position());
}

// docs/design/0010: a write alone leaves at once, others share a frame with it or with each other.
TEST(Session, GathersWritesUntilTheAckOfEarlierOnes) {
  Pair pair;
  pair.link_that_has_acked();
  pair.b.kinds.clear();
  pair.a.texts.put("1", "").value();
  const std::string first = pair.a.say();
  pair.a.texts.put("2", "").value();
  pair.a.texts.put("3", "").value();
  EXPECT_TRUE(pair.a.outflow->expects_ack());
  EXPECT_EQ(pair.a.say(), "");
  ASSERT_FALSE(pair.b.hear(first));
  EXPECT_EQ(pair.b.texts.size(pair.b.peer), 2u);
  ASSERT_FALSE(pair.a.hear(pair.b.say()));
  EXPECT_FALSE(pair.a.outflow->expects_ack());
  ASSERT_FALSE(pair.b.hear(pair.a.say()));
  EXPECT_EQ(pair.b.heard(FrameKind::log), 2u);
  EXPECT_TRUE(pair.equal());
}

TEST(Session, SendsGatheredWritesAlongWithAMessageAndWhenTheyAreMany) {
  Pair pair;
  pair.link_that_has_acked();
  pair.a.texts.put("1", "").value();
  ASSERT_FALSE(pair.b.hear(pair.a.say()));  // Its ack stays behind.
  pair.a.texts.put("2", "").value();
  EXPECT_EQ(pair.a.say(), "");
  ASSERT_TRUE(pair.a.node.send(pair.a.peer, "message"));
  ASSERT_FALSE(pair.b.hear(pair.a.say()));
  EXPECT_TRUE(pair.equal());
  for (int i = 0; i < 1000; ++i) pair.a.texts.put("many", std::to_string(i)).value();
  ASSERT_FALSE(pair.b.hear(pair.a.say()));
  EXPECT_TRUE(pair.equal());
}

TEST(Session, KeepsNoWriteBackFromAPeerFarAway) {
  Pair pair;
  pair.link_that_has_acked([] { HandWound::time += std::chrono::milliseconds(20); });
  pair.a.texts.put("1", "").value();
  ASSERT_FALSE(pair.b.hear(pair.a.say()));
  pair.a.texts.put("2", "").value();
  ASSERT_FALSE(pair.b.hear(pair.a.say()));
  EXPECT_TRUE(pair.equal());
}

// Design R4
TEST(Session, GoesOnInTheLogAfterAReconnect) {
  Pair pair;
  ASSERT_TRUE(pair.a.texts.put("1", "text"));
  pair.link();
  pair.talk();
  ASSERT_TRUE(pair.a.texts.put("2", "text"));
  pair.a.texts.erase("1");
  pair.link();
  pair.b.kinds.clear();
  pair.talk();
  EXPECT_TRUE(pair.equal());
  EXPECT_EQ(pair.b.heard(FrameKind::snapshot_begin), 0u);
  EXPECT_EQ(pair.b.heard(FrameKind::log), 1u);
}

TEST(Session, BeginsAnewWhenASnapshotWasCutOff) {
  Pair pair;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(pair.a.texts.put(std::to_string(i), "old"));
  pair.link();
  ASSERT_FALSE(pair.a.hear(pair.b.say()));
  ASSERT_FALSE(pair.b.hear(pair.a.say(5'000)));
  ASSERT_GT(pair.b.texts.size(pair.b.peer), 0u);
  for (int i = 0; i < 500; ++i) pair.a.texts.erase(std::to_string(i));
  pair.link();
  pair.talk();
  EXPECT_TRUE(pair.equal());
  EXPECT_EQ(pair.b.texts.size(pair.b.peer), 500u);
}

// hardening K4
TEST(Session, EndsAtAGapAndAsksForASnapshot) {
  Pair pair;
  ASSERT_TRUE(pair.a.texts.put("k", "text"));
  pair.link();
  pair.talk();
  std::string body, entry, bytes;
  put_number(std::uint16_t{0}, body);
  put_number(std::uint64_t{5}, body);
  put_number(std::uint64_t{6}, body);
  append_entry({Entry::Operation::put, "k", "", "from nowhere"}, body);
  append_frame(FrameKind::log, body, bytes);
  EXPECT_EQ(pair.b.hear(bytes), Errc::sequence_gap);
  pair.link();
  pair.b.kinds.clear();
  pair.talk();
  EXPECT_EQ(pair.b.heard(FrameKind::snapshot_end), 1u);
  EXPECT_TRUE(pair.equal());
}

// hardening K4, design R10
TEST(Session, SkipsKindsThatItDoesNotKnow) {
  Pair pair;
  pair.link();
  pair.talk();
  for (int kind : {0, 4, 15, 29, 38, 63, 64, 128, 255}) {
    std::string bytes;
    append_frame(static_cast<FrameKind>(kind), "of a later release", bytes);
    EXPECT_FALSE(pair.b.hear(bytes)) << kind;
  }
}

// Design R10: a release may have tables that the other lacks.
TEST(Session, ReplicatesOnlyTablesThatBothHave) {
  Pair pair;
  Texts only_a(pair.a.node, "a later release's"), only_b(pair.b.node, "an older release's");
  Texts also_a(pair.a.node, "both"), also_b(pair.b.node, "both");
  ASSERT_TRUE(only_a.put("k", "text"));
  ASSERT_TRUE(also_a.put("k", "text"));
  pair.link();
  pair.talk();
  EXPECT_EQ(only_b.size(), 0u);
  EXPECT_EQ(also_b.size(), 1u);
  EXPECT_TRUE(pair.a.outflow->settled());
  EXPECT_FALSE(pair.a.outflow->acked(1).known);
}

TEST(Session, DeliversMessagesOnceWhateverTheLinkLost) {
  Pair pair;
  pair.link();
  pair.talk();
  std::vector<std::string> sent;
  for (int i = 0; i < 50; ++i) {
    sent.push_back(std::to_string(i));
    ASSERT_TRUE(pair.a.node.send(pair.a.peer, sent.back()));
    std::string bytes = pair.a.say();
    // Every other time the link breaks: before the bytes arrive, or before the ack does.
    if (i % 4 == 1) pair.link();
    if (i % 4 == 3) {
      ASSERT_FALSE(pair.b.hear(bytes));
      pair.link();
    }
    if (i % 2 == 0) {
      ASSERT_FALSE(pair.b.hear(bytes));
    }
    pair.talk();
  }
  EXPECT_EQ(pair.b.messages, sent);
}

}  // namespace
}  // namespace replication
