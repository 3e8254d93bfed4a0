#include "server/session/session_moves.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replication/node.h"
#include "server/presence/last_activity.h"
#include "server/roster/block_lists.h"
#include "server/roster/rosters.h"
#include "server/session/iq_handlers.h"
#include "tests/server/roster/documents_in_memory.h"
#include "tests/support/eventually.h"

namespace server {
namespace {

using namespace std::chrono_literals;

xmpp::Jid jid(const std::string& text) { return *xmpp::Jid::parse(text); }

/// A client's stream, that may wait for a session or carry one. Notes what the client gets.
class Stream final : public StreamOutput, public ResumeWaiter {
 public:
  explicit Stream(SessionMoves& moves) : moves_(moves) {}

  bool write(xmpp::SharedText bytes) override {
    got.emplace_back(bytes.view());
    return true;
  }
  void pause() override {}
  void resume() override {}
  void close(xmpp::StreamErrorCondition condition, std::string_view, std::string_view) override {
    ended_by = xmpp::name(condition);
  }
  void give_up_session() override {
    lose();
    close(xmpp::StreamErrorCondition::conflict, {}, {});
  }

  bool is_waiting() const override { return !session; }
  StreamOutput& output() override { return *this; }
  void on_resumed(std::unique_ptr<Session> resumed) override {
    session = std::move(resumed);
    outcome = "resumed h=" + std::to_string(session->acks().handled());
  }
  void on_not_resumed(std::optional<CountTooHigh> fault) override {
    outcome = fault ? "too high, sent " + std::to_string(fault->sent) : "item-not-found";
  }

  void lose() { moves_.detached().keep(std::move(session)); }

  /// The bodies of what it got since the last look.
  std::vector<std::string> take() {
    std::vector<std::string> bodies;
    for (const std::string& xml : std::exchange(got, {})) {
      const auto stanza = xmpp::Stanza::parse(xml);
      const auto body = stanza ? stanza->root().child("body", xmpp::ns::client) : xmpp::Element();
      if (body) bodies.push_back(body.text());
    }
    return bodies;
  }

  std::unique_ptr<Session> session;
  std::vector<std::string> got;
  std::string outcome, ended_by;

 private:
  SessionMoves& moves_;
};

using Bodies = std::vector<std::string>;

/// A node with two loops, turned by the test.
class SessionMovesTest : public testing::Test {
 protected:
  SessionMovesTest() {
    for (std::size_t index : {0U, 1U}) {
      loops_.push_back(std::make_unique<RoutedLoop>(index));
      moves_.push_back(
          std::make_unique<SessionMoves>(*loops_.back(), services_, [] { return true; }));
    }
    router_.set_loops(loops_);
    directory_.on_displaced([this](const SessionAddress& address) { router_.displace(address); });
    EXPECT_TRUE(node_.start());
    node_.set_peers({});
  }
  ~SessionMovesTest() override {
    for (auto& moves : moves_) moves->stop();
    turn();
    node_.stop();
  }

  void turn() {
    for (int n = 0; n < 4; ++n) {
      for (const auto& loop : loops_) loop->loop.poll();
    }
  }

  template <class Predicate>
  bool comes(Predicate predicate) {
    return tests::eventually(10s, [&] {
      turn();
      return predicate();
    });
  }

  /// Bound, with resumption enabled, and available.
  std::shared_ptr<Stream> log_in(std::size_t loop, const std::string& full) {
    auto stream = std::make_shared<Stream>(*moves_[loop]);
    stream->session = std::make_unique<Session>(*loops_[loop], services_, *stream, jid(full));
    manage(*stream, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    send(*stream, "<presence/>");
    return stream;
  }

  void send(Stream& stream, const std::string& xml) {
    stream.session->on_stanza(*xmpp::Stanza::parse(xml));
    turn();
  }

  static void manage(Stream& stream, const std::string& xml) {
    stream.session->on_management(xmpp::Stanza::parse(xml)->root());
  }

  void say(Stream& from, const std::string& to, const std::string& body) {
    send(from, "<message type='chat' to='" + to + "'><body>" + body + "</body></message>");
  }

  std::shared_ptr<Stream> resume(std::size_t loop, const std::string& account,
                                 const std::string& id, xmpp::StanzaCount h) {
    auto stream = std::make_shared<Stream>(*moves_[loop]);
    moves_[loop]->taker().resume(jid(account), id, h, stream);
    EXPECT_TRUE(comes([&] { return !stream->outcome.empty(); }));
    return stream;
  }

  bool is_at_rest(const Stream& stream) {
    return comes([&] { return !stream.session->is_arriving(); });
  }

  replication::Events events_;
  replication::Node node_{{.cluster = "c", .name = "n1", .secret = "of the test"}, events_};
  SessionDirectory directory_{node_};
  Router router_{{"localhost"}, directory_, node_};
  DocumentsInMemory documents_;
  BlockLists blocks_{documents_, directory_, router_, {}};
  Rosters rosters_{documents_, router_, blocks_, {}};
  LastActivities last_activities_{documents_};
  Pep pep_{documents_, rosters_, blocks_, router_};
  CapsCache caps_;
  IqHandlers handlers_;
  SessionServices services_{directory_, router_, rosters_,  blocks_, last_activities_,
                            pep_,       caps_,   handlers_, 1min};
  std::vector<std::unique_ptr<RoutedLoop>> loops_;
  std::vector<std::unique_ptr<SessionMoves>> moves_;
};

constexpr const char* balcony = "juliet@localhost/balcony";

// XEP-0198 §3
TEST_F(SessionMovesTest, TellsTheClientHowItResumes) {
  const auto juliet = log_in(0, balcony);
  EXPECT_EQ(juliet->got.front(), "<enabled xmlns='urn:xmpp:sm:3' id='" +
                                     juliet->session->resume_id() + "' resume='true' max='60'/>");
}

// XEP-0198 §5: on its own loop and on another, what the client has not handled comes again, once.
TEST_F(SessionMovesTest, GoesOnOnAnyLoopWithWhatTheClientHasNotHandled) {
  const auto romeo = log_in(0, "romeo@localhost/orchard");
  for (const std::size_t loop : {0U, 1U}) {
    for (const xmpp::StanzaCount h : {0U, 1U, 2U, 3U}) {
      auto juliet = log_in(0, balcony);
      juliet->take();
      for (const char* body : {"a", "b"}) say(*romeo, balcony, body);
      const std::string id = juliet->session->resume_id();
      const xmpp::StanzaCount before = juliet->session->acks().sent() - 2;
      juliet->lose();
      say(*romeo, "juliet@localhost", "c");
      const auto again = resume(loop, "juliet@localhost", id, before + h);
      EXPECT_EQ(again->outcome, "resumed h=1") << "its presence";
      ASSERT_TRUE(is_at_rest(*again));
      const Bodies all = {"a", "b", "c"};
      EXPECT_EQ(again->take(), Bodies(all.begin() + h, all.end())) << loop << ' ' << h;
      EXPECT_EQ(again->session->resume_id(), id);
      say(*romeo, balcony, "d");
      EXPECT_EQ(again->take(), Bodies{"d"});
    }
  }
}

// Hardening E3: as for an <a/>.
TEST_F(SessionMovesTest, RefusesACountThatIsTooHighOrGoesBack) {
  const auto juliet = log_in(0, balcony);
  const std::string id = juliet->session->resume_id();
  const xmpp::StanzaCount sent = juliet->session->acks().sent();
  manage(*juliet, "<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(sent) + "'/>");
  juliet->lose();
  for (const xmpp::StanzaCount h : {sent + 1, sent - 1, 0xffffffffU}) {
    EXPECT_EQ(resume(1, "juliet@localhost", id, h)->outcome,
              "too high, sent " + std::to_string(sent))
        << h;
  }
  EXPECT_EQ(resume(1, "juliet@localhost", id, sent)->outcome, "resumed h=1");
}

// Hardening E5
TEST_F(SessionMovesTest, KnowsNoSessionButByItsOwnTokenAndAccount) {
  const auto juliet = log_in(0, balcony);
  const std::string id = juliet->session->resume_id();
  const ResumeToken other = make_resume_token();
  for (const auto& [account, previd] : std::vector<std::pair<std::string, std::string>>{
           {"romeo@localhost", id},
           {"juliet@localhost", resume_id(other, "balcony")},
           {"juliet@localhost", resume_id(other, "chamber")},
           {"juliet@localhost", ""},
           {"juliet@localhost", "!"},
           {"juliet@localhost", id.substr(0, 20)}}) {
    EXPECT_EQ(resume(0, account, previd, 0)->outcome, "item-not-found") << account << ' ' << previd;
  }
  EXPECT_TRUE(juliet->session) << "nobody has taken it";
}

TEST_F(SessionMovesTest, TakesASessionFromTheStreamThatHasIt) {
  const auto juliet = log_in(0, balcony);
  const auto again =
      resume(1, "juliet@localhost", juliet->session->resume_id(), juliet->session->acks().sent());
  EXPECT_EQ(again->outcome, "resumed h=1");
  EXPECT_EQ(juliet->ended_by, "conflict");
  EXPECT_FALSE(juliet->session);
}

// The account's other client sees neither an end nor a beginning.
TEST_F(SessionMovesTest, TellsNobodyOfItsPresence) {
  const auto chamber = log_in(1, "juliet@localhost/chamber");
  const auto juliet = log_in(0, balcony);
  chamber->got.clear();
  const std::string id = juliet->session->resume_id();
  const auto sent = juliet->session->acks().sent();
  juliet->lose();
  const auto again = resume(1, "juliet@localhost", id, sent);
  ASSERT_TRUE(is_at_rest(*again));
  EXPECT_EQ(chamber->got, Bodies{});
  again->session.reset();
  turn();
  ASSERT_EQ(chamber->got.size(), 1U);
  EXPECT_NE(chamber->got[0].find("unavailable"), std::string::npos) << chamber->got[0];
}

// Hardening E3: its queue is bounded as that of one with a stream.
TEST_F(SessionMovesTest, EndsADetachedSessionWhoseQueueIsFull) {
  const auto romeo = log_in(0, "romeo@localhost/orchard");
  const auto chamber = log_in(0, "juliet@localhost/chamber");
  send(*chamber, "<presence><priority>-1</priority></presence>");
  const auto juliet = log_in(0, balcony);
  juliet->lose();
  for (int n = 0; n < 501; ++n) {
    say(*romeo, balcony, std::to_string(n));
    romeo->got.clear();
  }
  turn();
  EXPECT_EQ(moves_[0]->detached().size(), 0U);
  EXPECT_FALSE(directory_.find(jid(balcony)));
}

// Hardening E4
TEST_F(SessionMovesTest, KeepsNoMoreOfAnAccountThanTen) {
  for (int n = 0; n < 12; ++n) {
    log_in(n % 2, "juliet@localhost/" + std::to_string(n))->lose();
    turn();
  }
  EXPECT_EQ(moves_[0]->detached().size() + moves_[1]->detached().size(),
            DetachedSessions::account_max);
  EXPECT_FALSE(directory_.find(jid("juliet@localhost/0")));
  EXPECT_FALSE(directory_.find(jid("juliet@localhost/1")));
  EXPECT_TRUE(directory_.find(jid("juliet@localhost/2")));
}

TEST_F(SessionMovesTest, EndsADetachedSessionWhoseJidIsBoundAnew) {
  log_in(0, balcony)->lose();
  const auto later = log_in(1, balcony);
  turn();
  EXPECT_EQ(moves_[0]->detached().size(), 0U);
  EXPECT_TRUE(directory_.find(jid(balcony)));
  EXPECT_EQ(later->ended_by, "");
}

TEST(SessionState, IsTheSameOnTheOtherSide) {
  SessionState state;
  state.jid = jid(balcony);
  state.token = make_resume_token();
  state.record = {
      .bound_at = 7, .session = 9, .priority = -3, .wants_carbons = true, .is_available = true};
  state.handled = 0xffffffff;
  state.acked = 5;
  state.interests.roster = true;
  state.presence = {.last = xmpp::SharedText("<presence/>"),
                    .contacts = ContactList(),
                    .version = 12,
                    .directed = {jid("room@localhost"), jid("romeo@localhost/orchard")}};
  state.presence.contacts->set({"romeo@localhost", true, false});
  const std::string bytes = encode(state);
  const auto read = decode_session_state(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(encode(*read), bytes);
  EXPECT_TRUE(read->presence.contacts->find("romeo@localhost").to);
  EXPECT_TRUE(read->interests.carbons);
  // Hardening K3: what is cut off is refused, whatever is missing.
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_session_state(std::string_view(bytes).substr(0, size))) << size;
  }
}

}  // namespace
}  // namespace server
