#include "loadgen/audit.h"

#include <gtest/gtest.h>

namespace loadgen {
namespace {

constexpr std::uint32_t sender = 0;
constexpr std::uint32_t recipient = 1;

/// One flow from `sender` to `recipient`, and short words for what happens on it.
class AuditTest : public ::testing::Test {
 protected:
  AuditTest()
      : audit_("run7", {[](std::uint32_t client) { return name(client); },
                        [](std::uint32_t) { return std::string("n1"); }}) {
    flow_ = audit_.add_flow(sender, recipient);
  }

  static std::string name(std::uint32_t client) {
    return "load" + std::to_string(client) + "@example.org";
  }

  MessageKey write() {
    const MessageKey key = audit_.take_next(flow_);
    audit_.on_written(key, false);
    return key;
  }
  MessageKey write_acknowledged() {
    const MessageKey key = write();
    audit_.on_acknowledged(key);
    return key;
  }
  Audit::Verdict see(MessageKey key) {
    const auto id = message_id("run7", key);
    return audit_.on_message(recipient, id, name(sender) + "/load",
                             message_body(id, Micros(5), 200), Micros(9));
  }
  AuditCounts conclude() {
    audit_.conclude(Micros(10));
    return audit_.counts();
  }

  Audit audit_;
  std::uint32_t flow_ = 0;
};

TEST_F(AuditTest, CallsAMessageDeliveredOnceAndTellsItsDueTime) {
  const auto verdict = see(write_acknowledged());
  EXPECT_TRUE(verdict.first);
  EXPECT_EQ(verdict.due, Micros(5));
  const auto counts = conclude();
  EXPECT_EQ(counts.of(Fate::delivered), 1U);
  EXPECT_FALSE(counts.wrong());
  EXPECT_TRUE(audit_.offenders().empty());
}

TEST_F(AuditTest, CallsAnAcknowledgedMessageThatNobodySawLost) {
  const auto key = write_acknowledged();
  audit_.on_in_doubt(key);  // The connection died afterwards: the server had it all the same.
  const auto counts = conclude();
  EXPECT_EQ(counts.of(Fate::lost), 1U);
  EXPECT_TRUE(counts.wrong());
  ASSERT_EQ(audit_.offenders().size(), 1U);
  EXPECT_EQ(audit_.offenders()[0].id, "run7.0.0");
  EXPECT_EQ(audit_.offenders()[0].to, name(recipient));
}

TEST_F(AuditTest, CallsAnUnacknowledgedMessageOnALiveConnectionLost) {
  write();
  EXPECT_EQ(conclude().of(Fate::lost), 1U);
}

TEST_F(AuditTest, CallsAMessageUnknownWhoseConnectionDiedUnacknowledged) {
  audit_.on_in_doubt(write());
  const auto counts = conclude();
  EXPECT_EQ(counts.of(Fate::unknown), 1U);
  EXPECT_FALSE(counts.wrong());
}

TEST_F(AuditTest, DoubtsAllThatASenderWithoutAcknowledgementsWroteOnTheDeadStream) {
  see(write());
  write();
  audit_.on_sender_lost(flow_);
  audit_.on_sender_stream(flow_);
  write();
  const auto counts = conclude();
  EXPECT_EQ(counts.of(Fate::unknown), 1U);
  EXPECT_EQ(counts.of(Fate::lost), 1U);  // The one on the new stream, which lived on.
}

TEST_F(AuditTest, CallsTheSameMessageTwiceOnOneStreamDuplicated) {
  const auto key = write_acknowledged();
  see(key);
  EXPECT_FALSE(see(key).first);
  EXPECT_EQ(conclude().of(Fate::duplicated), 1U);
}

TEST_F(AuditTest, CallsTheSameMessageOnANewStreamRedelivered) {
  const auto key = write_acknowledged();
  see(key);
  audit_.on_recipient_stream(flow_);
  see(key);
  const auto counts = conclude();
  EXPECT_EQ(counts.of(Fate::redelivered), 1U);
  EXPECT_FALSE(counts.wrong());
}

TEST_F(AuditTest, CallsTheSecondCopyOfWhatWeSentTwiceRedelivered) {
  const auto key = write();
  audit_.on_written(key, true);
  see(key);
  see(key);
  const auto counts = conclude();
  EXPECT_EQ(counts.of(Fate::redelivered), 1U);
  EXPECT_EQ(counts.sent, 1U);
  EXPECT_EQ(counts.resent, 1U);
  EXPECT_FALSE(counts.wrong());
}

// RFC 6120 §10.1: in order within a stream.
TEST_F(AuditTest, CallsAMessageBehindALaterOneReordered) {
  const auto first = write_acknowledged();
  const auto second = write_acknowledged();
  see(second);
  see(first);
  const auto counts = conclude();
  EXPECT_EQ(counts.of(Fate::reordered), 1U);
  EXPECT_EQ(counts.of(Fate::delivered), 2U);
}

TEST_F(AuditTest, OnlyTellsOfOneOvertakenByTheSendersNextStream) {
  const auto first = write_acknowledged();
  audit_.on_sender_stream(flow_);
  const auto second = write_acknowledged();
  see(second);
  see(first);
  const auto counts = conclude();
  EXPECT_EQ(counts.of(Fate::overtaken), 1U);
  EXPECT_FALSE(counts.wrong());
}

TEST_F(AuditTest, BeginsTheOrderAnewOnTheRecipientsNextStream) {
  const auto first = write_acknowledged();
  const auto second = write_acknowledged();
  see(second);
  audit_.on_recipient_stream(flow_);
  see(first);
  EXPECT_FALSE(conclude().wrong());
}

TEST_F(AuditTest, CallsAChangedBodyAlteredAndItsMessageLost) {
  const auto key = write_acknowledged();
  const auto id = message_id("run7", key);
  auto body = message_body(id, Micros(5), 200);
  body[60] = static_cast<char>(body[60] ^ 1);
  EXPECT_FALSE(audit_.on_message(recipient, id, name(sender), body, Micros(9)).first);
  const auto counts = conclude();
  EXPECT_EQ(counts.of(Fate::altered), 1U);
  EXPECT_EQ(counts.of(Fate::lost), 1U);
}

TEST_F(AuditTest, CallsAMessageToSomebodyElseMisdelivered) {
  const auto key = write_acknowledged();
  const auto id = message_id("run7", key);
  audit_.on_message(2, id, name(sender), message_body(id, Micros(5), 200), Micros(9));
  EXPECT_EQ(conclude().of(Fate::misdelivered), 1U);
}

TEST_F(AuditTest, CallsAMessageInventedThatWasNeverWrittenOrNamesAnotherSender) {
  const auto key = write_acknowledged();
  see({flow_, 5});
  see({99, 0});
  const auto id = message_id("run7", key);
  audit_.on_message(recipient, id, "mallory@example.org", message_body(id, Micros(5), 200),
                    Micros(9));
  audit_.on_message(recipient, "run7.0.0x", name(sender), "", Micros(9));
  EXPECT_EQ(conclude().of(Fate::invented), 4U);
}

TEST_F(AuditTest, IgnoresMessagesOfOtherRuns) {
  EXPECT_FALSE(audit_.on_message(recipient, "run6.0.0", name(sender), "hello", Micros(9)).first);
  const auto counts = conclude();
  EXPECT_EQ(counts.foreign, 1U);
  EXPECT_FALSE(counts.wrong());
}

TEST_F(AuditTest, CallsAnErrorAnswerAKnownOutcome) {
  const auto key = write_acknowledged();
  audit_.on_bounce(sender, message_id("run7", key), Micros(9));
  const auto counts = conclude();
  EXPECT_EQ(counts.of(Fate::bounced), 1U);
  EXPECT_EQ(counts.of(Fate::lost), 0U);
  EXPECT_FALSE(counts.wrong());
}

TEST_F(AuditTest, FindsADoubleLongAfterItsMessageLeftTheWindow) {
  const auto first = write_acknowledged();
  see(first);
  for (int i = 0; i < 4'000; ++i) see(write_acknowledged());
  see(first);
  EXPECT_EQ(conclude().of(Fate::duplicated), 1U);
}

TEST_F(AuditTest, KeepsMemoryForOpenMessagesAndNotForSentOnes) {
  for (int i = 0; i < 100'000; ++i) see(write_acknowledged());
  EXPECT_LE(audit_.window_bytes(), 2 * Audit::window_kept);
  EXPECT_EQ(conclude().of(Fate::delivered), 100'000U);
}

TEST_F(AuditTest, ListsTheWrongOnesEvenWhenTheListIsFullOfMildOnes) {
  Audit audit("r",
              {[](std::uint32_t client) { return name(client); },
               [](std::uint32_t) { return std::string(); }},
              3);
  const auto flow = audit.add_flow(sender, recipient);
  for (int i = 0; i < 10; ++i) {
    const auto key = audit.take_next(flow);
    audit.on_written(key, false);
    audit.on_bounce(sender, message_id("r", key), Micros(1));
  }
  const auto lost = audit.take_next(flow);
  audit.on_written(lost, false);
  audit.on_acknowledged(lost);
  audit.conclude(Micros(2));
  ASSERT_EQ(audit.offenders().size(), 3U);
  EXPECT_EQ(audit.offenders().back().fate, Fate::lost);
  EXPECT_EQ(audit.counts().of(Fate::bounced), 10U);
}

TEST(MessageBody, IsCheckedWholeAndBoundToItsId) {
  const auto body = message_body("run7.0.0", Micros(123), 300);
  EXPECT_EQ(check_message_body("run7.0.0", body), Micros(123));
  EXPECT_FALSE(check_message_body("run7.0.1", body));
  for (std::size_t i = 0; i < body.size(); ++i) {
    auto changed = body;
    changed[i] = static_cast<char>(changed[i] ^ 4);
    EXPECT_FALSE(check_message_body("run7.0.0", changed)) << i;
  }
  EXPECT_FALSE(check_message_body("run7.0.0", std::string_view(body).substr(0, body.size() - 1)));
  EXPECT_FALSE(check_message_body("run7.0.0", ""));
}

TEST(MessageBody, HasAboutTheSizeThatWasAskedFor) {
  for (const std::size_t bytes : {100U, 101U, 102U, 300U, 1024U}) {
    const auto size = message_body("run7.0.0", Micros(1), bytes).size();
    EXPECT_LE(size, bytes + 4);
    EXPECT_GE(size + 8, bytes);
  }
}

}  // namespace
}  // namespace loadgen
