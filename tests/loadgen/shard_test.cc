#include "loadgen/shard.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "tests/loadgen/fake_server.h"
#include "tests/support/eventually.h"

namespace loadgen {
namespace {

using std::chrono::seconds;

// Ten seconds at most; the shard tells its counts each 100 ms.
bool eventually(const std::function<bool()>& holds) {
  return tests::eventually(seconds(10), holds);
}

/// A shard of `clients` users against fake servers.
class Play {
 public:
  explicit Play(const std::vector<std::string>& host_ports, std::size_t clients = 4,
                const std::function<void(ShardOptions&)>& adjust = nullptr) {
    std::vector<TargetSpec> specs;
    for (const auto& text : host_ports) specs.push_back({text, resolve(text).value(), true});
    targets.replace(specs);
    ShardOptions options;
    options.run = "t1";
    options.client.domain = "localhost";
    options.client.tls.mode = TlsMode::off;
    options.client.auth = AuthChoice::plain;
    options.client.backoff = {Micros(10'000), Micros(50'000)};
    for (std::size_t i = 0; i < clients; ++i) {
      options.accounts.push_back({"load" + std::to_string(i), "secret"});
    }
    if (adjust) adjust(options);
    shard = std::make_unique<Shard>(options, targets);
    EXPECT_TRUE(shard->start(std::chrono::steady_clock::now()).has_value());
    shard->set_sessions(clients, 1'000);
  }

  /// The newest totals; histograms add up over the looks.
  const Snapshot& look() {
    const auto delivery = seen.delivery;
    seen = shard->take();
    seen.delivery.add(delivery);
    return seen;
  }
  bool online(std::uint64_t count) {
    return eventually([&] { return look().online == count; });
  }
  bool received(std::uint64_t count) {
    return eventually([&] { return look().received >= count; });
  }
  /// Stops the messages, waits for those on their way, and gives the last word.
  AuditCounts conclude() {
    shard->finish_sending();
    eventually([&] { return look().audit.open() + look().waiting == 0; });
    shard->conclude();
    return shard->take().audit;
  }

  TargetList targets;
  std::unique_ptr<Shard> shard;
  Snapshot seen;
};

TEST(Shard, DeliversBetweenItsClientsAndMeasuresFromTheDueTime) {
  FakeServer server;
  Play play({server.host_port()});
  ASSERT_TRUE(play.online(4));
  play.shard->set_rate(200);
  ASSERT_TRUE(play.received(100));
  const auto counts = play.conclude();
  EXPECT_EQ(counts.of(Fate::delivered), counts.sent);
  EXPECT_EQ(counts.acked, counts.sent);
  EXPECT_FALSE(counts.wrong());
  EXPECT_GE(play.seen.delivery.count(), 100U);
}

TEST(Shard, SpreadsItsClientsOverTheServers) {
  FakeServer one;
  FakeServer other;
  Play play({one.host_port(), other.host_port()}, 8);
  ASSERT_TRUE(play.online(8));
  // Every second pair stays together: even to within one pair.
  EXPECT_LE(std::abs(one.logins() - other.logins()), 2);
  EXPECT_EQ(one.logins() + other.logins(), 8);
}

TEST(Shard, CatchesAServerThatAcknowledgesAndLoses) {
  FakeServer server;
  Play play({server.host_port()});
  ASSERT_TRUE(play.online(4));
  server.swallows = 3;
  play.shard->set_rate(200);
  ASSERT_TRUE(play.received(50));
  play.shard->finish_sending();
  ASSERT_TRUE(eventually([&] { return play.look().audit.open() == 3; }));
  play.shard->conclude();
  const auto counts = play.shard->take().audit;
  EXPECT_EQ(counts.of(Fate::lost), 3U);
  EXPECT_EQ(play.shard->offenders().at(0).fate, Fate::lost);
}

TEST(Shard, CatchesAServerThatDeliversTwice) {
  FakeServer server;
  Play play({server.host_port()});
  ASSERT_TRUE(play.online(4));
  server.doubles = 2;
  play.shard->set_rate(200);
  ASSERT_TRUE(play.received(50));
  EXPECT_EQ(play.conclude().of(Fate::duplicated), 2U);
}

TEST(Shard, ComesBackAfterACutAndLosesNothingThatWasAcknowledged) {
  FakeServer server;
  Play play({server.host_port()});
  ASSERT_TRUE(play.online(4));
  play.shard->set_rate(400);
  ASSERT_TRUE(play.received(50));
  server.cut = true;
  ASSERT_TRUE(eventually([&] { return play.look().forced == 4; }));
  ASSERT_TRUE(play.online(4));
  ASSERT_TRUE(play.received(play.look().received + 50));
  const auto counts = play.conclude();
  EXPECT_EQ(counts.of(Fate::lost), 0U);
  EXPECT_EQ(counts.of(Fate::duplicated), 0U);
  EXPECT_EQ(counts.of(Fate::reordered), 0U);
}

TEST(Shard, SendsAgainWhatADeadConnectionHadNotAcknowledged) {
  FakeServer server;
  server.acknowledges = false;
  Play play({server.host_port()});
  ASSERT_TRUE(play.online(4));
  play.shard->set_rate(200);
  ASSERT_TRUE(play.received(20));
  play.shard->finish_sending();
  server.acknowledges = true;
  server.cut = true;
  // The server had delivered them: each second copy is our own doing, and is told as such.
  ASSERT_TRUE(eventually([&] { return play.look().audit.of(Fate::redelivered) >= 20; }));
  const auto counts = play.conclude();
  EXPECT_GE(counts.resent, 20U);
  EXPECT_EQ(counts.of(Fate::duplicated), 0U);
  EXPECT_FALSE(counts.wrong());
}

// RFC 6120 §4.9.3.19
TEST(Shard, FollowsSeeOtherHost) {
  FakeServer full;
  FakeServer other;
  full.send_others_to(other.host_port());
  Play play({full.host_port(), other.host_port()}, 6);
  ASSERT_TRUE(play.online(6));
  EXPECT_EQ(full.logins(), 0);
  EXPECT_EQ(other.logins(), 6);
}

TEST(Shard, TriesAgainAfterARefusedLoginAndKeepsTheReason) {
  FakeServer server;
  server.refuses = 3;
  Play play({server.host_port()});
  ASSERT_TRUE(play.online(4));
  EXPECT_EQ(play.look().failed_logins, 3U);
  EXPECT_EQ(play.look().reasons.at("login refused: not-authorized"), 3U);
}

TEST(Shard, TakesAConnectionWithoutAcknowledgementsForDead) {
  FakeServer server;
  server.acknowledges = false;
  Play play({server.host_port()}, 2,
            [](ShardOptions& options) { options.client.ack_limit = Micros(200'000); });
  ASSERT_TRUE(eventually([&] { return play.look().forced >= 2; }));
  EXPECT_EQ(play.look().reasons.begin()->first,
            "no acknowledgement: the connection is taken for dead");
}

TEST(Shard, LetsDueMessagesAgeInTheOutboxWhileItsServerIsAway) {
  FakeServer server;
  Play play({server.host_port()});
  ASSERT_TRUE(play.online(4));
  play.shard->set_rate(200);
  ASSERT_TRUE(play.received(10));
  server.refuses = 1'000'000;
  server.cut = true;
  ASSERT_TRUE(eventually([&] { return play.look().waiting >= 40; }));
  server.refuses = 0;
  ASSERT_TRUE(play.online(4));
  const auto counts = play.conclude();
  EXPECT_FALSE(counts.wrong());
  // 40 waiting at 200 a second: the oldest of them aged at least a tenth of a second.
  EXPECT_GE(play.seen.delivery.max(), Micros(100'000));
}

TEST(Shard, BoundsTheOutboxAndCountsWhatItRefuses) {
  FakeServer server;
  Play play({server.host_port()}, 4, [](ShardOptions& options) { options.client.outbox_max = 5; });
  ASSERT_TRUE(play.online(4));
  server.refuses = 1'000'000;
  server.cut = true;
  ASSERT_TRUE(eventually([&] { return play.look().online == 0; }));
  play.shard->set_rate(1'000);
  ASSERT_TRUE(eventually([&] { return play.look().overflowed > 10; }));
  EXPECT_EQ(play.look().waiting, 20U);
}

TEST(Shard, RaisesAndLowersItsSessionsWithoutLosingMessages) {
  FakeServer server;
  Play play({server.host_port()}, 12);
  ASSERT_TRUE(play.online(12));
  play.shard->set_rate(300);
  ASSERT_TRUE(play.received(60));
  play.shard->set_sessions(4, 1'000);
  ASSERT_TRUE(play.online(4));
  play.shard->set_sessions(8, 1'000);
  ASSERT_TRUE(play.online(8));
  const auto counts = play.conclude();
  EXPECT_EQ(counts.of(Fate::delivered), counts.sent);
  EXPECT_EQ(counts.of(Fate::bounced), 0U);
  EXPECT_FALSE(counts.wrong());
  // Who leaves says goodbye: no stream was lost, and no count disagreed.
  EXPECT_EQ(play.look().forced, 0U);
}

TEST(Shard, ChurnsPairsWithoutLosingMessages) {
  FakeServer server;
  Play play({server.host_port()}, 8);
  ASSERT_TRUE(play.online(8));
  play.shard->set_rate(300);
  play.shard->set_churn(20);
  ASSERT_TRUE(eventually([&] { return play.look().churned >= 10; }));
  const auto counts = play.conclude();
  EXPECT_EQ(counts.of(Fate::delivered), counts.sent);
  EXPECT_FALSE(counts.wrong());
  EXPECT_EQ(play.look().forced, 0U);
}

/// The archives of all who wrote, read to their end.
AuditCounts audit_archives(Play& play) {
  play.shard->finish_sending();
  EXPECT_TRUE(eventually(
      [&] { return play.look().audit.open() + play.seen.waiting + play.seen.unacked == 0; }));
  play.shard->read_archives();
  EXPECT_TRUE(eventually([&] { return play.look().archives_left == 0; }));
  EXPECT_EQ(play.seen.archives_given_up, 0U);
  return play.conclude();
}

TEST(Shard, FindsEachMessageInTheArchivesOfBoth) {
  FakeServer server;
  Play play({server.host_port()});
  ASSERT_TRUE(play.online(4));
  play.shard->set_rate(200);
  ASSERT_TRUE(play.received(100));
  const auto counts = audit_archives(play);
  EXPECT_EQ(play.seen.archives_read, 4U);
  EXPECT_EQ(play.seen.archived, 2 * counts.sent);
  EXPECT_FALSE(counts.wrong());
}

TEST(Shard, MissesWhatAnArchiveLacks) {
  FakeServer server;
  Play play({server.host_port()});
  ASSERT_TRUE(play.online(4));
  play.shard->set_rate(200);
  ASSERT_TRUE(play.received(20));
  server.forgets = 3;
  ASSERT_TRUE(play.received(60));
  const auto counts = audit_archives(play);
  EXPECT_EQ(counts.of(Fate::unarchived), 3U);
  EXPECT_EQ(counts.of(Fate::lost), 0U);
  EXPECT_TRUE(counts.wrong());
  ASSERT_FALSE(play.shard->offenders().empty());
  EXPECT_TRUE(play.shard->offenders().front().node.starts_with("archive of load"));
}

TEST(Shard, AsksAgainForAnArchiveWhenItsConnectionIsLost) {
  FakeServer server;
  Play play({server.host_port()});
  ASSERT_TRUE(play.online(4));
  play.shard->set_rate(200);
  ASSERT_TRUE(play.received(40));
  play.shard->finish_sending();
  ASSERT_TRUE(eventually(
      [&] { return play.look().audit.open() + play.seen.waiting + play.seen.unacked == 0; }));
  server.cut = true;
  ASSERT_TRUE(eventually([&] { return play.look().forced == 4; }));
  const auto counts = audit_archives(play);
  EXPECT_EQ(play.seen.archives_read, 4U);
  EXPECT_FALSE(counts.wrong());
}

}  // namespace
}  // namespace loadgen
