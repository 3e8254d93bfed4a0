#include "loadgen/archive_audit.h"

#include <gtest/gtest.h>

namespace loadgen {
namespace {

/// Two who write to each other, and the archive of the first.
class ArchiveAuditTest : public ::testing::Test {
 protected:
  ArchiveAuditTest()
      : audit_("run7", {[](std::uint32_t client) { return name(client); },
                        [](std::uint32_t) { return std::string("n1"); }}) {
    flows_ = {audit_.add_flow(0, 1), audit_.add_flow(1, 0)};
  }

  static std::string name(std::uint32_t client) {
    return "load" + std::to_string(client) + "@example.org";
  }

  MessageKey write(std::size_t flow) {
    const MessageKey key = audit_.take_next(flows_[flow]);
    audit_.on_written(key, false);
    audit_.on_acknowledged(key);
    return key;
  }
  bool enter(ArchiveAudit& archive, MessageKey key) {
    const auto id = message_id("run7", key);
    return archive.on_entry(id, name(audit_.sender(key.flow)) + "/load",
                            message_body(id, Micros(5), 200), Micros(9));
  }
  AuditCounts compare(const std::vector<MessageKey>& entries) {
    ArchiveAudit archive(audit_, 0, flows_);
    for (const MessageKey key : entries) EXPECT_TRUE(enter(archive, key));
    archive.on_end(Micros(10));
    return audit_.counts();
  }

  Audit audit_;
  std::array<std::uint32_t, 2> flows_{};
};

TEST_F(ArchiveAuditTest, PassesEachMessageOnceInTheOrderOfItsFlow) {
  const auto a = write(0);
  const auto b = write(1);
  const auto c = write(0);
  const auto counts = compare({b, a, c});  // Two flows have no order between them.
  EXPECT_FALSE(counts.wrong());
  EXPECT_TRUE(audit_.offenders().empty());
}

TEST_F(ArchiveAuditTest, TellsWhoseArchiveLacksAMessage) {
  const auto a = write(0);
  write(1);
  const auto counts = compare({a});
  EXPECT_EQ(counts.of(Fate::unarchived), 1U);
  EXPECT_TRUE(counts.wrong());
  ASSERT_EQ(audit_.offenders().size(), 1U);
  EXPECT_EQ(audit_.offenders()[0].from, name(1));
  EXPECT_EQ(audit_.offenders()[0].node, "archive of " + name(0));
}

TEST_F(ArchiveAuditTest, TellsOfOneThatIsThereTwice) {
  const auto a = write(0);
  EXPECT_EQ(compare({a, a}).of(Fate::archived_twice), 1U);
}

TEST_F(ArchiveAuditTest, TellsOfOneBehindALaterOne) {
  const auto a = write(0);
  const auto b = write(0);
  const auto counts = compare({b, a});
  EXPECT_EQ(counts.of(Fate::archived_late), 1U);
  EXPECT_EQ(counts.of(Fate::unarchived), 0U);
}

TEST_F(ArchiveAuditTest, AsksNothingOfWhatNobodyWasPromised) {
  const auto again = write(0);
  audit_.on_written(again, true);
  const auto doubtful = audit_.take_next(flows_[0]);
  audit_.on_written(doubtful, false);
  audit_.on_in_doubt(doubtful);
  const auto refused = write(0);
  audit_.on_bounce(0, message_id("run7", refused), Micros(7));
  audit_.take_next(flows_[0]);  // It still waits in its sender's outbox.
  EXPECT_FALSE(compare({again, again}).wrong());
}

TEST_F(ArchiveAuditTest, TellsOfWhatIsAlteredForgedOrNobodys) {
  const auto a = write(0);
  const auto id = message_id("run7", a);
  const auto body = message_body(id, Micros(5), 200);
  ArchiveAudit archive(audit_, 0, flows_);
  EXPECT_TRUE(archive.on_entry(id, name(0), body + "!", Micros(9)));
  EXPECT_TRUE(archive.on_entry(id, name(5), body, Micros(9)));
  EXPECT_TRUE(archive.on_entry(message_id("run7", {flows_[0], 1}), name(0), body, Micros(9)));
  EXPECT_FALSE(archive.on_entry("run6.0.0", name(0), body, Micros(9)));
  const auto& counts = audit_.counts();
  EXPECT_EQ(counts.of(Fate::altered), 1U);
  EXPECT_EQ(counts.of(Fate::invented), 2U);
}

// The audit forgets what is settled and old; what it forgets it answers for all the same.
TEST_F(ArchiveAuditTest, KnowsWhatHasLeftTheWindow) {
  std::vector<MessageKey> entries;
  for (std::uint32_t i = 0; i < 4 * Audit::window_kept; ++i) {
    const auto key = write(0);
    const auto id = message_id("run7", key);
    audit_.on_message(1, id, name(0), message_body(id, Micros(5), 200), Micros(9));
    if (i != 3) entries.push_back(key);
  }
  ASSERT_LT(audit_.window_bytes(), 4 * Audit::window_kept);
  EXPECT_EQ(compare(entries).of(Fate::unarchived), 1U);
}

}  // namespace
}  // namespace loadgen
