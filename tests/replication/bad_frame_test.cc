// What a peer that knows the secret may send, and what comes of it (hardening K2, K3, K4). The
// same frames and any others are tried on a link without sockets by frame_fuzz and relay_fuzz.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "replication/entry.h"
#include "replication/relay_frames.h"
#include "replication/resume.h"
#include "replication/wire.h"
#include "tests/replication/nodes.h"
#include "tests/replication/proven_peer.h"

namespace replication {
namespace {

using Texts = std::map<std::string, std::string>;

template <class... Numbers>
std::string numbers(Numbers... values) {
  std::string bytes;
  (put_number(values, bytes), ...);
  return bytes;
}

std::string put(std::string_view key, std::string_view record) {
  std::string bytes;
  append_entry({Entry::Operation::put, key, "", record}, bytes);
  return bytes;
}

constexpr std::uint16_t table = 7;     // As the peer numbers the table "texts".
constexpr std::uint16_t unknown = 99;  // It has told of no such table.

std::string resume(std::vector<Resume::Table> tables = {{.number = table, .name = "texts"}}) {
  Resume resume;
  resume.tables = std::move(tables);
  return frame(FrameKind::resume, encode(resume));
}
std::string begin(Position position = 0) {
  return frame(FrameKind::snapshot_begin, numbers(table, position));
}
std::string records(const std::string& entries, std::uint16_t of = table) {
  return frame(FrameKind::snapshot_records, numbers(of) + entries);
}
std::string end(std::uint16_t of = table) {
  return frame(FrameKind::snapshot_end, numbers(of, std::uint64_t{0}));
}
std::string log(Position from, Position to, const std::string& entries, std::uint16_t of = table) {
  return frame(FrameKind::log, numbers(of, from, to) + entries);
}
std::string message(std::uint64_t number) {
  return frame(FrameKind::message, numbers(number) + "text");
}
std::string with_last_byte(std::string bytes, char last) {
  bytes.back() = last;
  return bytes;
}

struct BadInput {
  const char* what;
  std::string bytes;  // Behind the proof.
  Errc ends_with;
};

std::vector<BadInput> all_bad_input() {
  const std::string ready = resume() + begin() + end();
  const std::string one = log(0, 1, put("k", "text"));
  const std::string reach_backwards =
      numbers(std::uint16_t{2}, std::uint64_t{1}) + "\1z" + numbers(std::uint64_t{1}) + "\1y";
  return {
      {"a length of zero", std::string(4, '\0'), Errc::bad_frame},
      {"a length over the limit", numbers(std::uint32_t{(1 << 20) + 1}), Errc::bad_frame},
      {"the greatest length", "\xff\xff\xff\xff", Errc::bad_frame},
      {"a log before the resume", one, Errc::bad_frame},
      {"a message before the resume", message(1), Errc::bad_frame},
      {"another hello", ready + frame(FrameKind::hello, "MKRT"), Errc::bad_frame},
      {"another proof", ready + frame(FrameKind::proof, std::string(32, 'p')), Errc::bad_frame},
      {"another resume", resume() + resume(), Errc::bad_frame},
      {"a resume that is cut", frame(FrameKind::resume, "cut"), Errc::bad_frame},
      {"a resume of a table that is cut",
       frame(FrameKind::resume, numbers(std::uint64_t{0}, std::uint64_t{1}, std::uint16_t{1},
                                        std::uint16_t{100}, table)),
       Errc::bad_frame},
      {"a resume with one number for two tables",
       resume({{.number = table, .name = "texts"}, {.number = table, .name = "others"}}),
       Errc::bad_frame},
      {"a resume that has more than there is",
       resume({{.number = table, .complete = true, .applied = 1'000'000, .name = "texts"}}),
       Errc::bad_frame},
      {"a log that is cut", ready + frame(FrameKind::log, "cut"), Errc::bad_frame},
      {"a log of an unknown table", ready + log(0, 1, put("k", ""), unknown), Errc::bad_frame},
      {"a log that goes back", ready + log(1, 0, ""), Errc::bad_frame},
      {"a log before any snapshot", resume() + one, Errc::bad_frame},
      {"a log with a gap", ready + log(5, 6, put("k", "")), Errc::sequence_gap},
      {"a log that is replayed", ready + one + one, Errc::sequence_gap},
      {"an entry that is cut", ready + log(0, 1, put("k", "text").substr(0, 8)), Errc::bad_frame},
      {"an entry of no operation", ready + log(0, 1, "\3" + put("k", "text").substr(1)),
       Errc::bad_frame},
      {"a record over the limit", ready + log(0, 1, put("k", std::string(262'145, 'r'))),
       Errc::bad_frame},
      {"a key over the limit", ready + log(0, 1, put(std::string(4097, 'k'), "")), Errc::bad_frame},
      {"a snapshot that is cut", resume() + frame(FrameKind::snapshot_begin, "cut"),
       Errc::bad_frame},
      {"records of no snapshot", resume() + records(put("k", "text")), Errc::bad_frame},
      {"records behind a snapshot", ready + records(put("k", "text")), Errc::bad_frame},
      {"records of an unknown table", ready + begin() + records(put("k", ""), unknown),
       Errc::bad_frame},
      {"the end of no snapshot", resume() + end(), Errc::bad_frame},
      {"the end of an unknown table", ready + end(unknown), Errc::bad_frame},
      {"an ack that is cut", ready + frame(FrameKind::log_ack, "cut"), Errc::bad_frame},
      {"an ack of what was not written",
       ready + frame(FrameKind::log_ack, numbers(std::uint16_t{0}, Position{1'000'000})),
       Errc::bad_frame},
      {"an ack of an unknown table",
       ready + frame(FrameKind::log_ack, numbers(unknown, Position{1})), Errc::bad_frame},
      {"a message that is cut", ready + frame(FrameKind::message, "cut"), Errc::bad_frame},
      {"a message behind a gap", ready + message(1) + message(3), Errc::sequence_gap},
      {"an ack of a message that was not sent",
       ready + frame(FrameKind::message_ack, numbers(std::uint64_t{1})), Errc::bad_frame},
      {"a reach out of order", ready + frame(FrameKind::reach, reach_backwards), Errc::bad_frame},
      {"a reach that is cut", ready + frame(FrameKind::reach, numbers(std::uint16_t{9})),
       Errc::bad_frame},
      {"a tunnel of the other side's numbers",
       ready + frame(FrameKind::relay_open, encode(RelayRequest{2, {"b", 0}})), Errc::bad_frame},
      {"data of a tunnel that never was",
       ready + frame(FrameKind::relay_data, numbers(std::uint32_t{1}) + "data"),
       Errc::unknown_tunnel},
      {"credit of a tunnel that never was",
       ready + frame(FrameKind::relay_credit, numbers(std::uint32_t{1}, std::uint32_t{1})),
       Errc::unknown_tunnel},
      {"a refusal for a reason of a later release",
       ready + frame(FrameKind::refuse, with_last_byte(numbers(std::uint16_t{0}), 77)),
       Errc::unknown},
  };
}

// Two nodes that see to it that nobody else notices.
struct Others {
  Others() { EXPECT_TRUE(join({&a, &b})) << a.events.all(); }

  // They replicate, are linked, and have what they wrote.
  void expect_well(const std::string& after) {
    for (auto [from, to] : {std::pair(&a, &b), std::pair(&b, &a)}) {
      const auto position = from->texts->put({"both", ""}, after).value();
      EXPECT_TRUE(from->texts->wait_replicated(position, in(10s))) << after;
      EXPECT_EQ(to->at({"both", ""}).at(from->node->id().name), after);
    }
    EXPECT_TRUE(a.ready("b") && b.ready("a")) << after;
    EXPECT_FALSE(a.events.has("gone b:") || b.events.has("gone a:")) << after;
  }

  std::uint64_t refused() const {
    const RefusalCounts counts = a.node->refusals();
    return counts.bad_frame + counts.relay;
  }

  TestNode a{"a"}, b{"b"};
};

TEST(BadFrame, EndsTheLinkByItsNameIsCountedAndCostsNobodyElse) {
  Others others;
  std::uint64_t incarnation = 0;
  for (const BadInput& input : all_bad_input()) {
    SCOPED_TRACE(input.what);
    const std::string told = "refused: " + make_error_code(input.ends_with).message();
    const std::size_t told_before = others.a.events.count(told);
    const std::uint64_t counted_before = others.refused();
    ProvenPeer bad(others.a.node->listen_port(), "bad", ++incarnation);
    bad.send(input.bytes);
    EXPECT_TRUE(bad.is_closed());
    if (input.ends_with == Errc::unknown) continue;  // Its own last word: not our refusal.
    EXPECT_TRUE(eventually(5s, [&] { return others.a.events.count(told) > told_before; }))
        << others.a.events.all();
    EXPECT_EQ(others.refused(), counted_before + 1);
    others.expect_well(input.what);
  }
  // Whatever it had brought, it is gone with it.
  EXPECT_TRUE(eventually(5s, [&] { return others.a.at({"k", ""}).empty(); }));
}

// K2: a peer writes as itself alone; no frame can name another owner.
TEST(GoodFrame, AtAnothersKeyLeavesTheOthersRecordAlone) {
  Others others;
  ASSERT_TRUE(others.a.texts->put({"k", ""}, "a's"));
  ASSERT_TRUE(
      others.b.texts->wait_replicated(others.b.texts->put({"k", ""}, "b's").value(), in(5s)));
  std::string erase;
  append_entry({Entry::Operation::erase, "k", "", ""}, erase);
  {
    ProvenPeer peer(others.a.node->listen_port(), "peer", 1);
    peer.send(resume() + begin() + records(put("k", "the peer's")) + end() +
              log(0, 2, put("k", "again") + erase + put("other", "")) + message(1) + message(1));
    EXPECT_TRUE(eventually(5s, [&] { return others.a.at({"other", ""}).contains("peer"); }));
    EXPECT_EQ(others.a.at({"k", ""}), (Texts{{"a", "a's"}, {"b", "b's"}}));
    others.expect_well("with a peer beside");
  }
  EXPECT_TRUE(eventually(5s, [&] { return others.a.at({"other", ""}).empty(); }));
  EXPECT_EQ(others.a.at({"k", ""}), (Texts{{"a", "a's"}, {"b", "b's"}}));
  EXPECT_EQ(others.refused(), 0u);
}

// Design R10: a later release's table is skipped, its fields and formats are taken as told.
TEST(GoodFrame, OfALaterReleaseIsTakenAsFarAsItIsUnderstood) {
  Others others;
  ProvenPeer peer(others.a.node->listen_port(), "peer", 1);
  peer.send(resume({{.number = table, .version = 9, .name = "texts"},
                    {.number = unknown, .version = 1, .name = "a later release's"}}));
  peer.send(frame(FrameKind::snapshot_begin, numbers(unknown, Position{0}) + "more"));
  peer.send(records(put("k", "text"), unknown) + end(unknown));
  peer.send(frame(static_cast<FrameKind>(200), "a later release's"));
  peer.send(begin() + end() + log(0, 1, put("k", "text")));
  EXPECT_TRUE(eventually(5s, [&] { return others.a.at({"k", ""}).contains("peer"); }));
  EXPECT_EQ(others.a.texts->size(), 1u);
  EXPECT_EQ(others.refused(), 0u);
}

// Design R9: what a peer makes us answer, and does not read, is bounded.
TEST(Ping, WithoutAnEndThatNobodyReadsTheAnswersToEndsTheLink) {
  Others others;
  ProvenPeer peer(others.a.node->listen_port(), "peer", 1);
  std::string pings = resume();
  for (std::uint64_t stamp = 0; stamp < 5'000; ++stamp) {
    pings += frame(FrameKind::ping, numbers(stamp));
  }
  ASSERT_TRUE(peer.send(pings));
  pings.erase(0, resume().size());
  bool taken = true;
  for (int more = 0; more < 2'000 && taken; ++more) taken = peer.send(pings);
  EXPECT_FALSE(taken);
  EXPECT_TRUE(eventually(5s, [&] { return others.refused() == 1; }));
  others.expect_well("after pings");
}

}  // namespace
}  // namespace replication
