// XEP-0198 §5 and the hand-over of sessions, on whole nodes: a session goes on on any node, and
// nothing of it is lost, doubled or out of order.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/mariadb.h"
#include "tests/support/node_process.h"
#include "tests/support/resuming_client.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

using Bodies = std::vector<std::string>;

constexpr auto nothing_comes = 600ms;

/// Romeo on n2, and Juliet with a session on n1 that she can resume.
class Resumption : public testing::Test {
 protected:
  static void SetUpTestSuite() { database_ = std::make_unique<MariaDb>(); }
  static void TearDownTestSuite() { database_.reset(); }

  void start(std::size_t nodes, std::vector<std::string> flags = {}) {
    static int made = 0;
    cluster_ = std::make_unique<ClusterOfNodes>(*database_, "resumption" + std::to_string(++made),
                                                nodes, std::move(flags));
    juliet_.log_in(port(0));
    romeo_.log_in(port(1));
    // What the other node was told a moment ago may not be there yet.
    greet(juliet_, romeo_);
    greet(romeo_, juliet_);
  }

  static void greet(ResumingClient& one, ResumingClient& other) {
    one.say(other.jid(), "hello");
    ASSERT_TRUE(other.hears(1));
  }

  std::uint16_t port(std::size_t node) { return cluster_->node(node).c2s_port(); }

  static Bodies after_hello(const ResumingClient& client) {
    return {client.heard().begin() + 1, client.heard().end()};
  }

  static Bodies numbers(const std::string& prefix, int count) {
    Bodies all;
    for (int n = 0; n < count; ++n) all.push_back(prefix + std::to_string(n));
    return all;
  }

  /// The sum of a metric's samples on a node, of those whose labels contain `label`.
  double metric(std::size_t node, const std::string& name, const std::string& label) {
    const std::string text = "\n" + cluster_->node(node).health("/metrics").body;
    double sum = 0;
    for (auto at = text.find("\n" + name + "{"); at != std::string::npos;
         at = text.find("\n" + name + "{", at + 1)) {
      const std::string line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
      if (line.find(label) != std::string::npos) sum += std::stod(line.substr(line.rfind(' ')));
    }
    return sum;
  }

  static inline std::unique_ptr<MariaDb> database_;
  std::unique_ptr<ClusterOfNodes> cluster_;
  ResumingClient juliet_{"juliet", "balcony"};
  ResumingClient romeo_{"romeo", "orchard"};
};

// XEP-0198 §5
TEST_F(Resumption, GivesBackOnAnyNodeWhatWasSentMeanwhile) {
  start(2);
  for (const std::size_t node : {0U, 1U, 0U}) {
    juliet_.lose_connection();
    romeo_.say(juliet_.jid(), "while you were away " + std::to_string(juliet_.heard().size()));
    romeo_.say("juliet@localhost", "and again " + std::to_string(juliet_.heard().size()));
    const std::size_t before = juliet_.heard().size();
    ASSERT_TRUE(juliet_.resume(port(node))) << juliet_.refusal();
    ASSERT_TRUE(juliet_.hears(before + 2));
    juliet_.say(romeo_.jid(), "I am at " + std::to_string(node));
    ASSERT_TRUE(romeo_.hears(romeo_.heard().size() + 1));
  }
  EXPECT_EQ(after_hello(juliet_),
            (Bodies{"while you were away 1", "and again 1", "while you were away 3", "and again 3",
                    "while you were away 5", "and again 5"}));
  EXPECT_EQ(after_hello(romeo_), (Bodies{"I am at 0", "I am at 1", "I am at 0"}));
  EXPECT_EQ(metric(0, "meerkat_resumes_total", "result=\"ok\""), 2);
  EXPECT_EQ(metric(1, "meerkat_resumes_total", "where=\"other_node\""), 1);
}

// A network that loses a client's packets: the server has not noticed.
TEST_F(Resumption, TakesTheSessionFromAStreamThatStillStands) {
  start(2);
  for (const std::size_t node : {1U, 0U}) {
    ResumingClient there = std::move(juliet_);
    juliet_ = ResumingClient("juliet", "balcony");
    juliet_.use_id(there.id());
    juliet_.count_from(there);
    ASSERT_TRUE(juliet_.resume(port(node))) << juliet_.refusal();
    there.listen(XmppClient::patience);
    EXPECT_EQ(there.ended_by(), "conflict");
    romeo_.say(juliet_.jid(), "to the new one");
    EXPECT_TRUE(juliet_.hears(1));
    juliet_.listen(nothing_comes);
    EXPECT_EQ(juliet_.heard(), Bodies{"to the new one"});
  }
}

// RFC 6120 §10.1, G1: both talk while one of them goes from node to node and from loop to loop.
TEST_F(Resumption, LosesDoublesAndReordersNothingWhileMessagesFlowBothWays) {
  start(3);
  constexpr int count = 300;
  std::atomic<bool> is_heard = false;
  const auto talk = [](ResumingClient& self, const std::string& to, const std::string& prefix,
                       const std::function<void(int)>& after_each) {
    for (int n = 0; n < count; ++n) {
      self.say(to, prefix + std::to_string(n));
      self.listen(15ms);  // Far fewer than a queue takes while she is away.
      after_each(n);
    }
  };
  std::thread romeo([&] {
    talk(romeo_, juliet_.jid(), "r", [](int) {});
    while (!is_heard) romeo_.listen(10ms);
  });
  std::size_t node = 0;
  std::string refused;
  talk(juliet_, romeo_.jid(), "j", [&](int n) {
    if (n % 20 != 19 || !refused.empty()) return;
    juliet_.lose_connection();
    juliet_.say(romeo_.jid(), "unsent" + std::to_string(n));
    if (!juliet_.resume(port(++node % 3))) refused = "refused: " + juliet_.refusal();
  });
  const bool juliet_heard = juliet_.hears(count + 1);
  const auto until = std::chrono::steady_clock::now() + XmppClient::patience;
  while (juliet_.unacked() > 0 && std::chrono::steady_clock::now() < until) juliet_.listen(10ms);
  juliet_.listen(nothing_comes);
  is_heard = true;
  romeo.join();
  EXPECT_EQ(refused, "");
  EXPECT_TRUE(juliet_heard);
  Bodies from_juliet;
  for (int n = 0; n < count; ++n) {
    from_juliet.push_back("j" + std::to_string(n));
    if (n % 20 == 19) from_juliet.push_back("unsent" + std::to_string(n));
  }
  EXPECT_EQ(after_hello(juliet_), numbers("r", count));
  EXPECT_EQ(after_hello(romeo_), from_juliet);
}

// Hardening E5
TEST_F(Resumption, KnowsNoSessionOfAnotherAccountNorOneThatHasEnded) {
  start(2);
  ResumingClient thief("romeo", "hedge");
  thief.use_id(juliet_.id());
  EXPECT_FALSE(thief.resume(port(0)));
  EXPECT_EQ(thief.refusal(), "item-not-found");
  thief.use_id("bm90aGluZyBhdCBhbGwgdGhhdCBpcyBrbm93bg==");
  EXPECT_FALSE(thief.resume(port(0)));
  EXPECT_EQ(thief.refusal(), "item-not-found");
  EXPECT_EQ(thief.client().bind("hedge"), "romeo@localhost/hedge") << "the stream goes on";
  juliet_.client().send("</stream:stream>");
  juliet_.listen(XmppClient::patience);
  juliet_.lose_connection();
  EXPECT_FALSE(juliet_.resume(port(1)));
  EXPECT_EQ(juliet_.refusal(), "item-not-found");
}

// Hardening E3, XEP-0198 §4: as on a stream of its own. The session stays for a client that can
// count.
TEST_F(Resumption, EndsTheStreamOfAClientThatCountsTooMuch) {
  start(2);
  juliet_.lose_connection();
  XmppClient miscounting(port(1));
  miscounting.start_tls("localhost");
  ASSERT_EQ(miscounting.authenticate("juliet", "juliet"), "");
  miscounting.send("<resume xmlns='urn:xmpp:sm:3' previd='" + juliet_.id() + "' h='4000000000'/>");
  const auto error = miscounting.receive();
  ASSERT_TRUE(error);
  const auto count = error->root().child("handled-count-too-high", "urn:xmpp:sm:3");
  EXPECT_TRUE(error->root().child("undefined-condition", "urn:ietf:params:xml:ns:xmpp-streams"))
      << error->to_string();
  EXPECT_EQ(count.attr("h"), "4000000000") << error->to_string();
  EXPECT_FALSE(count.attr("send-count").empty()) << error->to_string();
  EXPECT_TRUE(juliet_.resume(port(1))) << juliet_.refusal();
}

// Hardening E5: the session has one stream, whoever asks.
TEST_F(Resumption, HasOneWinnerWhenTwoResumeAtOnce) {
  start(2);
  juliet_.lose_connection();
  ResumingClient twins[] = {{"juliet", "balcony"}, {"juliet", "balcony"}};
  std::vector<std::thread> threads;
  std::atomic<int> resumed = 0;
  for (std::size_t at : {0U, 1U}) {
    twins[at].use_id(juliet_.id());
    twins[at].count_from(juliet_);
    threads.emplace_back([&, at] { resumed += twins[at].resume(port(at)) ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(resumed, 1);
  romeo_.say(juliet_.jid(), "which of you?");
  for (ResumingClient& twin : twins) twin.listen(nothing_comes);
  EXPECT_EQ(twins[0].heard().size() + twins[1].heard().size(), 1U);
  EXPECT_NE(twins[0].is_connected() && twins[0].ended_by().empty(),
            twins[1].is_connected() && twins[1].ended_by().empty());
}

// [limits] resume_time
TEST_F(Resumption, EndsASessionWhoseClientDoesNotCome) {
  start(2, {"--limits-resume-time=1s"});
  juliet_.listen(nothing_comes);  // Until it was asked to acknowledge what it has.
  juliet_.lose_connection();
  romeo_.say(juliet_.jid(), "are you there?");
  EXPECT_TRUE(eventually(10s, [&] {
    return metric(0, "meerkat_sessions", "tcp") == 0 &&
           cluster_->node(0).health("/metrics").body.find("meerkat_sessions_resumable 0") !=
               std::string::npos;
  }));
  EXPECT_FALSE(juliet_.resume(port(1)));
  EXPECT_EQ(juliet_.refusal(), "item-not-found");
  juliet_.lose_connection();
  juliet_.log_in(port(1));
  EXPECT_TRUE(juliet_.hears(2)) << "what it had not acknowledged was stored";
  EXPECT_EQ(after_hello(juliet_), Bodies{"are you there?"});
}

// G1
TEST_F(Resumption, DeliversOnceWhatASessionHadThatDiedWithItsNode) {
  start(2);
  juliet_.acknowledge(false);
  for (const std::string& body : numbers("m", 5)) romeo_.say(juliet_.jid(), body);
  ASSERT_TRUE(juliet_.hears(6));
  juliet_.lose_connection();
  cluster_->node(0).kill();
  EXPECT_FALSE(juliet_.resume(port(1)));
  ResumingClient again("juliet", "chamber");
  again.log_in(port(1));
  EXPECT_TRUE(again.hears(6)) << again.heard().size();  // "hello" was not acknowledged either.
  again.listen(nothing_comes);
  EXPECT_EQ(again.heard().size(), 6U);
}

/// Juliet is away, and three messages wait for her. A frozen node keeps a move from being over for
/// some seconds.
class MoveUnderWay : public Resumption {
 protected:
  void SetUp() override {
    start(3);
    juliet_.acknowledge(false);
    juliet_.lose_connection();
    for (const std::string& body : numbers("m", 3)) romeo_.say(juliet_.jid(), body);
  }

  /// Romeo leaves n2, which is then frozen, for another node; Juliet comes to n3.
  void begin_move(std::size_t romeos) {
    romeo_.lose_connection();
    ASSERT_TRUE(romeo_.resume(port(romeos))) << romeo_.refusal();
    cluster_->node(1).pause();
    ASSERT_TRUE(juliet_.resume(port(2))) << juliet_.refusal();
    ASSERT_TRUE(juliet_.hears(4));
  }
};

TEST_F(MoveUnderWay, LosesNothingWhenTheNodeThatGivesDies) {
  begin_move(2);
  cluster_->node(0).kill();
  for (const std::string& body : numbers("late", 3)) romeo_.say(juliet_.jid(), body);
  EXPECT_TRUE(juliet_.hears(7)) << juliet_.heard().size();
  cluster_->node(1).resume();
  juliet_.listen(nothing_comes);
  juliet_.acknowledge(true);
  juliet_.listen(nothing_comes);
  EXPECT_EQ(after_hello(juliet_), (Bodies{"m0", "m1", "m2", "late0", "late1", "late2"}));
}

TEST_F(MoveUnderWay, LosesNothingWhenTheNodeThatTakesDies) {
  begin_move(0);
  cluster_->node(2).kill();
  cluster_->node(1).resume();
  juliet_.lose_connection();
  EXPECT_FALSE(juliet_.resume(port(0)));
  ResumingClient again("juliet", "balcony");
  again.log_in(port(0));
  EXPECT_TRUE(again.hears(3)) << again.heard().size();
  again.listen(nothing_comes);
  Bodies heard = again.heard();
  std::ranges::sort(heard);
  EXPECT_EQ(heard, numbers("m", 3));
}

// G2
TEST_F(Resumption, SurvivesADrainWhetherItsClientComesOrNot) {
  start(2, {"--drain-notice=100ms"});
  ResumingClient nurse("juliet", "nursery");
  nurse.log_in(port(0));
  nurse.listen(nothing_comes);
  romeo_.say(juliet_.jid(), "before");
  ASSERT_TRUE(juliet_.hears(2));
  cluster_->node(0).terminate();
  juliet_.listen(XmppClient::patience);
  EXPECT_EQ(juliet_.ended_by(), "system-shutdown");
  romeo_.say(juliet_.jid(), "during");
  ASSERT_TRUE(juliet_.resume(port(1))) << juliet_.refusal();
  nurse.lose_connection();
  EXPECT_EQ(cluster_->node(0).wait_for_exit(30s), 0);
  romeo_.say(juliet_.jid(), "after");
  EXPECT_TRUE(juliet_.hears(4));
  EXPECT_EQ(after_hello(juliet_), (Bodies{"before", "during", "after"}));
  EXPECT_TRUE(nurse.resume(port(1))) << "it was handed over: " << nurse.refusal();
}

}  // namespace
}  // namespace tests
