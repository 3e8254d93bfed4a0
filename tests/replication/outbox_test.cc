#include "replication/outbox.h"

#include <gtest/gtest.h>

#include "replication/frame.h"
#include "replication/wire.h"

namespace replication {
namespace {

std::vector<std::string> texts(const std::string& bytes) {
  FrameDecoder decoder(1 << 20);
  decoder.feed(bytes);
  std::vector<std::string> all;
  for (;;) {
    auto frame = decoder.next();
    if (!frame || !*frame) return all;
    WireReader reader((*frame)->body);
    auto number = reader.number<std::uint64_t>();
    all.push_back(std::to_string(number) + " " + std::string(reader.rest()));
  }
}

struct OpenOutbox : Outbox {
  explicit OpenOutbox(OutboxLimits limits = {}) : Outbox(limits) { open(); }
  std::vector<std::string> read_texts(std::size_t bytes_max = 1 << 20) {
    std::string out;
    read(bytes_max, out);
    return texts(out);
  }
};

using Texts = std::vector<std::string>;

TEST(Outbox, IsReadOnceAndAgainAfterARewind) {
  OpenOutbox box;
  for (const char* text : {"a", "b", "c"}) ASSERT_TRUE(box.push(text));
  EXPECT_EQ(box.read_texts(), (Texts{"1 a", "2 b", "3 c"}));
  EXPECT_EQ(box.read_texts(), Texts{});
  ASSERT_TRUE(box.acknowledge(1));
  EXPECT_EQ(box.rewind(), 2u);
  EXPECT_EQ(box.read_texts(), (Texts{"2 b", "3 c"}));
}

TEST(Outbox, KeepsOrderOverManySegmentsAndPartialReads) {
  OpenOutbox box;
  std::size_t read = 0;
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(box.push(std::string(100, 'x')));
    if (i % 7 == 0) read += box.read_texts(300).size();
    if (i % 50 == 0) {
      ASSERT_TRUE(box.acknowledge(read));
    }
  }
  while (std::size_t more = box.read_texts(1000).size()) read += more;
  EXPECT_EQ(read, 3000u);
  ASSERT_TRUE(box.acknowledge(3000));
  EXPECT_EQ(box.backlog().bytes, 0u);
  EXPECT_EQ(box.backlog().messages, 0u);
}

TEST(Outbox, ReturnsWhatWasNotAcknowledgedWhenItCloses) {
  OpenOutbox box;
  for (const char* text : {"a", "b", "c"}) ASSERT_TRUE(box.push(text));
  box.read_texts();
  ASSERT_TRUE(box.acknowledge(1));
  EXPECT_EQ(box.close(), (Texts{"b", "c"}));
  EXPECT_EQ(box.push("d").error(), Errc::node_gone);
  box.open();
  ASSERT_TRUE(box.push("e"));
  EXPECT_EQ(box.read_texts(), Texts{"4 e"});  // Numbers are never used twice.
}

TEST(Outbox, DoesNotBelieveInAcksOfWhatWasNeverSent) {
  OpenOutbox box;
  ASSERT_TRUE(box.push("a"));
  EXPECT_FALSE(box.acknowledge(2));
  EXPECT_EQ(box.backlog().messages, 1u);
}

TEST(Outbox, IsBounded) {
  OpenOutbox box({.queue_bytes_max = 1000, .frame_bytes_max = 500});
  EXPECT_EQ(box.push(std::string(437, 'x')).error(), Errc::too_large);
  ASSERT_TRUE(box.push(std::string(436, 'x')));
  ASSERT_TRUE(box.push(std::string(436, 'x')));
  EXPECT_EQ(box.push(std::string(436, 'x')).error(), Errc::queue_full);
}

TEST(FrameDecoder, CutsFramesAtAnyBytes) {
  std::string bytes;
  append_frame(FrameKind::ping, "12345678", bytes);
  append_frame(FrameKind::leave, "", bytes);
  FrameDecoder decoder(100);
  std::vector<FrameKind> kinds;
  for (char byte : bytes) {
    decoder.feed({&byte, 1});
    auto frame = decoder.next();
    ASSERT_TRUE(frame);
    if (*frame) kinds.push_back((*frame)->kind);
  }
  EXPECT_EQ(kinds, (std::vector{FrameKind::ping, FrameKind::leave}));
}

// hardening K3
TEST(FrameDecoder, RefusesLengthsOfZeroAndOverTheLimit) {
  for (std::string bytes :
       {std::string(4, '\0'), std::string("\0\0\0\x65", 4), std::string("\xff\xff\xff\xff", 4)}) {
    FrameDecoder decoder(100);
    decoder.feed(bytes);
    EXPECT_EQ(decoder.next().error(), Errc::bad_frame);
  }
}

}  // namespace
}  // namespace replication
