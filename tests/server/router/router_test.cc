#include "server/router/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replication/node.h"
#include "server/router/routed_stanza.h"
#include "server/router/session_directory.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

namespace server {
namespace {

xmpp::Jid jid(const std::string& text) { return *xmpp::Jid::parse(text); }

/// A session that notes what it gets: its type, or of an error the condition.
class NotingSession final : public Recipient {
 public:
  bool deliver(const RoutedStanza& stanza) override {
    if (is_ending) return false;
    std::string note = stanza.type;
    if (stanza.is_error()) {
      const auto parsed = xmpp::Stanza::parse(stanza.xml);
      const auto error = parsed->root().child("error", xmpp::ns::client);
      for (const xmpp::Element child : xmpp::children(error)) note = child.name();
    }
    got.push_back(note);
    return true;
  }
  void displace() override { is_displaced = true; }
  void settled(std::uint64_t) override {}
  void on_mail() override {}
  void on_mail_delivered() override {}
  void on_ack_tick() override {}

  bool is_ending = false;
  bool is_displaced = false;
  std::vector<std::string> got;
};

using Notes = std::vector<std::string>;

/// One node with one loop, turned by the test, and sessions that note what they get.
class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    router_.set_loops(loops_);
    directory_.on_displaced([this](const SessionAddress& address) { router_.displace(address); });
  }

  static std::vector<std::unique_ptr<RoutedLoop>> one_loop() {
    std::vector<std::unique_ptr<RoutedLoop>> loops;
    loops.push_back(std::make_unique<RoutedLoop>(0));
    return loops;
  }

  RoutedLoop& here() { return *loops_.front(); }

  SessionRecord record(NotingSession& session, int priority, bool is_available) {
    SessionRecord record;
    record.bound_at = ++bound_;
    record.session = here().sessions.add(&session);
    record.priority = static_cast<std::int8_t>(priority);
    record.is_available = is_available;
    return record;
  }

  NotingSession& available(const std::string& full, int priority = 0) {
    NotingSession& session = sessions_.emplace_back();
    directory_.bind(jid(full), record(session, priority, true));
    return session;
  }

  NotingSession& unavailable(const std::string& full) {
    NotingSession& session = sessions_.emplace_back();
    directory_.bind(jid(full), record(session, 0, false));
    return session;
  }

  static RoutedStanza stanza(xmpp::Stanza::Kind kind, const std::string& type,
                             const std::string& to) {
    xmpp::Stanza stanza = xmpp::Stanza::make(kind, type, "id1");
    stanza.set_from("juliet@localhost/balcony");
    stanza.set_to(to);
    return routed(stanza, jid("juliet@localhost/balcony"), jid(to));
  }

  void route(xmpp::Stanza::Kind kind, const std::string& type, const std::string& to) {
    router_.route(stanza(kind, type, to), &here());
    here().loop.poll();  // What was posted to the loop, until it is quiet.
  }

  static std::uint64_t dropped(const LoopCounters& counters, std::string_view reason) {
    const auto at = std::find(drop_reasons.begin(), drop_reasons.end(), reason);
    return counters.stanzas_dropped.value(
        static_cast<std::size_t>(std::distance(drop_reasons.begin(), at)));
  }

  /// Puts as much into the loop's mailbox as it holds.
  void fill_mailbox() {
    while (here().loop.offer([] {}, Loop::mailbox_bytes_max / 4)) {
    }
  }

  void message(const std::string& type, const std::string& to) {
    route(xmpp::Stanza::Kind::message, type, to);
  }

  replication::Events events_;
  replication::Node node_{{.cluster = "c", .name = "n1", .secret = "of the test"}, events_};
  SessionDirectory directory_{node_};
  Router router_{{"localhost"}, directory_, node_};
  std::vector<std::unique_ptr<RoutedLoop>> loops_ = one_loop();
  std::list<NotingSession> sessions_;
  std::uint64_t bound_ = 0;
  NotingSession& juliet_ = available("juliet@localhost/balcony");
};

// RFC 6121 §8.5.2.1.1
TEST_F(RouterTest, GivesAMessageForAnAccountToThoseOfTheHighestPriority) {
  NotingSession& low = available("romeo@localhost/low", 1);
  NotingSession& high = available("romeo@localhost/high", 5);
  NotingSession& also_high = available("romeo@localhost/also high", 5);
  message("chat", "romeo@localhost");
  EXPECT_EQ(high.got, Notes{"chat"});
  EXPECT_EQ(also_high.got, Notes{"chat"});
  EXPECT_EQ(low.got, Notes{});
}

// RFC 6121 §8.5.2.1.1
TEST_F(RouterTest, GivesNoMessageForAnAccountToANegativePriorityOrAnUnavailableSession) {
  NotingSession& negative = available("romeo@localhost/negative", -1);
  NotingSession& silent = unavailable("romeo@localhost/silent");
  message("chat", "romeo@localhost");
  EXPECT_EQ(negative.got, Notes{});
  EXPECT_EQ(silent.got, Notes{});
  EXPECT_EQ(juliet_.got, Notes{"service-unavailable"});
}

// RFC 6121 §8.5.2.1.1
TEST_F(RouterTest, GivesAHeadlineToAllSessionsThatAreNotNegative) {
  NotingSession& low = available("romeo@localhost/low", 1);
  NotingSession& high = available("romeo@localhost/high", 5);
  NotingSession& negative = available("romeo@localhost/negative", -1);
  message("headline", "romeo@localhost");
  EXPECT_EQ(low.got, Notes{"headline"});
  EXPECT_EQ(high.got, Notes{"headline"});
  EXPECT_EQ(negative.got, Notes{});
}

// RFC 6121 §8.5.3.1: a full JID is obeyed, whatever its session's priority.
TEST_F(RouterTest, GivesAMessageForASessionToThatOneAlone) {
  NotingSession& negative = available("romeo@localhost/negative", -1);
  NotingSession& other = available("romeo@localhost/other", 5);
  message("chat", "romeo@localhost/negative");
  EXPECT_EQ(negative.got, Notes{"chat"});
  EXPECT_EQ(other.got, Notes{});
}

// RFC 6121 §8.5.3.2.1
TEST_F(RouterTest, GivesAChatMessageForASessionThatIsGoneToTheAccountsOthers) {
  NotingSession& other = available("romeo@localhost/other");
  message("chat", "romeo@localhost/gone");
  EXPECT_EQ(other.got, Notes{"chat"});
  message("normal", "romeo@localhost/gone");
  EXPECT_EQ(other.got, Notes{"chat"});
  EXPECT_EQ(juliet_.got, Notes{"service-unavailable"});
}

// RFC 6121 §8.5.2.1.1: groupchat is for a room's own sessions.
TEST_F(RouterTest, BouncesGroupchatForAnAccount) {
  NotingSession& romeo = available("romeo@localhost/orchard");
  message("groupchat", "romeo@localhost");
  EXPECT_EQ(romeo.got, Notes{});
  EXPECT_EQ(juliet_.got, Notes{"service-unavailable"});
}

// RFC 6120 §8.2.3: a request is answered, an answer never.
TEST_F(RouterTest, AnswersAnIqForNobodyButNotAResult) {
  route(xmpp::Stanza::Kind::iq, "get", "romeo@localhost/gone");
  EXPECT_EQ(juliet_.got, Notes{"service-unavailable"});
  route(xmpp::Stanza::Kind::iq, "result", "romeo@localhost/gone");
  message("error", "romeo@localhost/gone");
  route(xmpp::Stanza::Kind::presence, "", "romeo@localhost/gone");
  EXPECT_EQ(juliet_.got, Notes{"service-unavailable"});
}

// RFC 6120 §10.4
TEST_F(RouterTest, BouncesWhatIsForAnotherServer) {
  message("chat", "romeo@elsewhere.example");
  EXPECT_EQ(juliet_.got, Notes{"remote-server-not-found"});
}

TEST_F(RouterTest, BouncesWhatASessionThatIsEndingDoesNotTake) {
  NotingSession& romeo = available("romeo@localhost/orchard");
  romeo.is_ending = true;
  message("chat", "romeo@localhost/orchard");
  EXPECT_EQ(juliet_.got, Notes{"recipient-unavailable"});
}

TEST_F(RouterTest, DisplacesTheOlderSessionAndKeepsTheNewerWhenTheOlderLeaves) {
  NotingSession& older = sessions_.emplace_back();
  const SessionRecord former = record(older, 0, true);
  directory_.bind(jid("romeo@localhost/orchard"), former);
  NotingSession& newer = available("romeo@localhost/orchard");
  here().loop.poll();
  EXPECT_TRUE(older.is_displaced);
  EXPECT_FALSE(newer.is_displaced);
  directory_.unbind(jid("romeo@localhost/orchard"), former);
  message("chat", "romeo@localhost/orchard");
  EXPECT_EQ(newer.got, Notes{"chat"});
}

// Hardening E1: a mailbox is bounded, and the sender of what it refuses is told.
TEST_F(RouterTest, TellsTheSenderWhenTheMailboxOfALoopIsFull) {
  NotingSession& romeo = available("romeo@localhost/orchard");
  const auto entry = directory_.find(jid("romeo@localhost/orchard"));
  ASSERT_TRUE(entry);
  // An ending session sends what it gets through the mailbox, to be routed anew.
  romeo.is_ending = true;
  fill_mailbox();
  route(xmpp::Stanza::Kind::message, "chat", "romeo@localhost/orchard");
  EXPECT_EQ(juliet_.got, Notes{"resource-constraint"});

  // Presence is not answered, and neither is what another node sent, which a loop must take.
  fill_mailbox();
  route(xmpp::Stanza::Kind::presence, "", "romeo@localhost/orchard");
  EXPECT_EQ(dropped(here().counters, "mailbox-full"), 1U);
  fill_mailbox();
  const RoutedStanza answer = stanza(xmpp::Stanza::Kind::iq, "result", "romeo@localhost/orchard");
  router_.on_arrival(replication::self_ref,
                     encode(answer, entry->address.loop, entry->address.session));
  here().loop.poll();
  EXPECT_EQ(dropped(router_.link_counters(), "mailbox-full"), 1U);
  EXPECT_EQ(juliet_.got, Notes{"resource-constraint"});

  // It recovers by itself.
  romeo.is_ending = false;
  message("chat", "romeo@localhost/orchard");
  EXPECT_EQ(romeo.got, Notes{"chat"});
}

TEST_F(RouterTest, FindsNoNewSessionByAnOldId) {
  NotingSession older, newer;
  const SessionId old_id = here().sessions.add(&older);
  here().sessions.remove(old_id);
  const SessionId new_id = here().sessions.add(&newer);
  EXPECT_EQ(here().sessions.find(old_id), nullptr);
  EXPECT_EQ(here().sessions.find(new_id), &newer);
}

TEST_F(RouterTest, TakesFromAPeerWhatItSentAndNothingThatIsCutShort) {
  NotingSession& romeo = available("romeo@localhost/orchard");
  const auto entry = directory_.find(jid("romeo@localhost/orchard"));
  ASSERT_TRUE(entry);
  const RoutedStanza sent = stanza(xmpp::Stanza::Kind::message, "chat", "romeo@localhost/orchard");
  const std::string payload = encode(sent, entry->address.loop, entry->address.session);
  for (std::size_t size = 0; size < payload.size(); ++size) {
    router_.on_arrival(replication::self_ref, std::string_view(payload).substr(0, size));
  }
  here().loop.poll();
  EXPECT_EQ(romeo.got, Notes{});
  EXPECT_EQ(dropped(router_.link_counters(), "invalid-from-peer"), payload.size());

  router_.on_arrival(replication::self_ref, payload);
  here().loop.poll();
  EXPECT_EQ(romeo.got, Notes{"chat"});
  const auto arrival = decode_arrival(payload);
  ASSERT_TRUE(arrival);
  EXPECT_EQ(arrival->stanza.xml, sent.xml);
  EXPECT_EQ(arrival->stanza.from, sent.from);
  EXPECT_EQ(arrival->stanza.to, sent.to);
}

// docs/protocol.md §11
TEST_F(RouterTest, CarriesAMessagesIdAndTicketToItsSessionsNode) {
  RoutedStanza sent = stanza(xmpp::Stanza::Kind::message, "chat", "romeo@localhost/orchard");
  sent.id = {.at = 0x0102030405060708, .origin = 9};
  sent.ticket = {.loop = 3, .number = 77};
  const auto arrival = decode_arrival(encode(sent, 1, 2));
  ASSERT_TRUE(arrival);
  EXPECT_EQ(arrival->stanza.id, sent.id);
  EXPECT_EQ(arrival->stanza.ticket.loop, 3);
  EXPECT_EQ(arrival->stanza.ticket.number, 77U);
  EXPECT_EQ(arrival->loop, 1);
  EXPECT_EQ(arrival->session, 2U);
  EXPECT_EQ(arrival->stanza.xml, sent.xml);
}

TEST(FateReport, IsReadAsItWasWrittenAndNotWhenItIsCutShort) {
  const FateReport report{.loop = 5, .fates = {{1, CopyFate::acked}, {2, CopyFate::returned}}};
  const std::string payload = encode(report);
  const auto read = decode_fates(payload);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->loop, report.loop);
  EXPECT_EQ(read->fates, report.fates);
  constexpr std::size_t fate_bytes = 9;
  for (std::size_t cut = 1; cut < fate_bytes; ++cut) {
    EXPECT_FALSE(decode_fates(std::string_view(payload).substr(0, payload.size() - cut))) << cut;
  }
  EXPECT_FALSE(decode_fates(payload + std::string(8, '\0') + '\3'));
}

}  // namespace
}  // namespace server
