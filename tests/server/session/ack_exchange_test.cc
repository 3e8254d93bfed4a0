#include "server/session/ack_exchange.h"

#include <gtest/gtest.h>

#include <string>

#include "replication/node.h"
#include "xmpp/stanza.h"

namespace server {
namespace {

/// A stream that notes what its client would get, and whether it is read from.
class NotingOutput final : public StreamOutput {
 public:
  bool write(xmpp::SharedText bytes) override {
    written += bytes;
    return true;
  }
  void pause() override { is_paused = true; }
  void resume() override { is_paused = false; }
  void close(xmpp::StreamErrorCondition condition, std::string_view, std::string_view) override {
    closed_with = xmpp::name(condition);
  }

  std::string take() { return std::exchange(written, {}); }

  std::string written, closed_with;
  bool is_paused = false;
};

std::string ack(int h) { return "<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(h) + "'/>"; }

// XEP-0198 §4, design.md G1: the client may forget what is safe, and nothing else.
class AckExchangeTest : public testing::Test {
 protected:
  void ask() {
    const auto request = xmpp::Stanza::parse("<r xmlns='urn:xmpp:sm:3'/>");
    EXPECT_TRUE(acks_.on_element(request->root()));
  }

  /// The client sends a message that is settled as `number`.
  void message(std::uint64_t number) {
    acks_.on_handled();
    acks_.wait_for(number);
  }

  replication::Events events_;
  replication::Node node_{{.cluster = "c", .name = "n1", .secret = "of the test"}, events_};
  SessionDirectory directory_{node_};
  Router router_{{"localhost"}, directory_, node_};
  RoutedLoop home_{0};
  NotingOutput client_;
  AckExchange acks_{home_, router_, client_, 1};
};

TEST_F(AckExchangeTest, CountsUpToTheFirstMessageThatIsNotSettled) {
  acks_.on_handled();
  message(10);
  acks_.on_handled();
  message(11);
  ask();
  EXPECT_EQ(client_.take(), "");
  acks_.on_tick();
  EXPECT_EQ(client_.take(), ack(1));
  acks_.on_settled(11);
  EXPECT_EQ(client_.take(), "");  // The first is not.
  acks_.on_settled(10);
  EXPECT_EQ(client_.take(), ack(4));
  acks_.on_tick();
  EXPECT_EQ(client_.take(), "");
}

TEST_F(AckExchangeTest, AnswersAtOnceWhenAllIsSettled) {
  message(1);
  acks_.on_settled(1);
  ask();
  EXPECT_EQ(client_.take(), ack(1));
}

TEST_F(AckExchangeTest, AnswersARequestOnceWhenAllThatCameBeforeItIsSettled) {
  message(1);
  ask();
  message(2);  // Not what it asked about.
  acks_.on_settled(1);
  EXPECT_EQ(client_.take(), ack(1));
  acks_.on_settled(2);
  EXPECT_EQ(client_.take(), "");
}

TEST_F(AckExchangeTest, IgnoresWhatItDoesNotWaitFor) {
  message(5);
  acks_.on_settled(4);
  acks_.on_settled(6);
  acks_.on_tick();
  ask();
  acks_.on_settled(5);
  acks_.on_settled(5);
  EXPECT_EQ(client_.take(), ack(1));
}

TEST_F(AckExchangeTest, TellsTheLastWordOnAStreamOfAllThatWasHandled) {
  message(1);
  acks_.send_last_ack();
  EXPECT_EQ(client_.take(), ack(1));
}

TEST_F(AckExchangeTest, DoesNotReadFromAClientWithTooManyUnsettledMessages) {
  std::uint64_t number = 0;
  while (!client_.is_paused && number < 10'000) message(++number);
  EXPECT_EQ(number, 500U);
  for (std::uint64_t settled = 1; settled <= 249; ++settled) acks_.on_settled(settled);
  EXPECT_TRUE(client_.is_paused);
  acks_.on_settled(250);
  EXPECT_FALSE(client_.is_paused);
}

}  // namespace
}  // namespace server
