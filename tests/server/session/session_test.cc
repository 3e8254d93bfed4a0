#include "server/session/session.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replication/node.h"
#include "server/presence/last_activity.h"
#include "server/roster/block_lists.h"
#include "server/roster/rosters.h"
#include "server/session/iq_handlers.h"
#include "tests/server/roster/documents_in_memory.h"
#include "xmpp/stream_parser.h"

namespace server {
namespace {

xmpp::Jid jid(const std::string& text) { return *xmpp::Jid::parse(text); }

/// A stream that notes what its client would get.
class NotingOutput final : public StreamOutput {
 public:
  bool write(xmpp::SharedText bytes) override {
    if (is_full) return false;
    written.emplace_back(bytes.view());
    return true;
  }
  void pause() override { is_paused = true; }
  void resume() override { is_paused = false; }
  void close(xmpp::StreamErrorCondition condition, std::string_view,
             std::string_view application_xml) override {
    closed_with += std::string(xmpp::name(condition)) + std::string(application_xml);
  }

  /// What came since the last look, in one text.
  std::string take() {
    std::string all;
    for (const auto& one : written) all += one;
    written.clear();
    return all;
  }

  std::vector<std::string> written;
  std::string closed_with;
  bool is_full = false;
  bool is_paused = false;
};

/// A node with one loop, turned by the test, and no network.
class SessionTest : public testing::Test {
 protected:
  SessionTest() {
    loops_.push_back(std::make_unique<RoutedLoop>(0));
    router_.set_loops(loops_);
    directory_.on_displaced([this](const SessionAddress& address) { router_.displace(address); });
  }

  std::unique_ptr<Session> bind(NotingOutput& output, const std::string& full) {
    return std::make_unique<Session>(*loops_.front(),
                                     SessionServices{directory_, router_, rosters_, blocks_,
                                                     last_activities_, pep_, caps_, handlers_},
                                     output, jid(full));
  }

  void turn() { loops_.front()->loop.poll(); }

  void send(Session& session, const std::string& xml) {
    session.on_stanza(*xmpp::Stanza::parse(xml));
    turn();
  }

  /// The same without a tree, as ClientStream does; false if the parser reads no head of it.
  bool send_as_bytes(Session& session, const std::string& xml) {
    xmpp::StreamParser parser(xmpp::StreamLimits::after_login());
    std::string_view input =
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
    EXPECT_EQ(parser.next(input), xmpp::StreamParser::Event::stream_open);
    input = xml;
    xmpp::StanzaHead head;
    EXPECT_EQ(parser.next(input, head), xmpp::StreamParser::Event::element);
    if (head.kind != xmpp::StanzaKind::message) return false;
    session.on_message(parser.element(), head);
    turn();
    return true;
  }
  static bool manage(Session& session, const std::string& xml) {
    const auto element = xmpp::Stanza::parse(xml);
    return session.on_management(element->root());
  }

  static RoutedStanza chat(const std::string& body, const std::string& to) {
    xmpp::Stanza stanza = xmpp::Stanza::make(xmpp::Stanza::Kind::message, "chat", "m");
    stanza.root().add_child("body", xmpp::ns::client).set_text(body);
    return routed(stanza, jid("romeo@localhost/orchard"), jid(to));
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
  std::vector<std::unique_ptr<RoutedLoop>> loops_;
  NotingOutput juliets_;
  NotingOutput romeos_;
};

/// A stanza with its addresses first, as both ways then write it.
std::string as_tree(const std::string& xml) {
  auto stanza = xmpp::Stanza::parse(xml);
  const std::string from(stanza->from());
  const std::string to(stanza->to());
  stanza->set_from({});
  stanza->set_to({});
  stanza->set_from(from);
  stanza->set_to(to);
  return stanza->to_string();
}

// Hardening X14, S1: whatever a client sends, going on as bytes changes nothing for anybody.
TEST_F(SessionTest, SendsAMessageOnAsBytesJustAsItWouldAsATree) {
  const auto juliet = bind(juliets_, "juliet@localhost/balcony");
  const auto romeo = bind(romeos_, "romeo@localhost/orchard");
  send(*juliet, "<presence/>");
  send(*romeo, "<presence/>");
  const std::string rest = " id=\"1\" type='chat'><body>a &lt; b</body><x xmlns='u'/></message>";
  for (const std::string& addresses : std::vector<std::string>{
           "", " to='juliet@localhost/balcony'", " to='JULIET@localhost/balcony'",
           " to=\"juliet@localhost\" from='romeo@localhost/orchard'", " to='nobody@localhost'",
           " to='elsewhere.example'", " to='@'", " from='ROMEO@localhost'",
           " to='juliet@localhost' from='juliet@localhost'", " from='@'"}) {
    juliets_.take(), romeos_.take();
    send(*romeo, "<message" + addresses + rest);
    const auto juliet_got = juliets_.written;
    const auto romeo_got = romeos_.written;
    const std::string closed = std::exchange(romeos_.closed_with, {});
    juliets_.take(), romeos_.take();
    ASSERT_TRUE(send_as_bytes(*romeo, "<message" + addresses + rest)) << addresses;
    EXPECT_EQ(std::exchange(romeos_.closed_with, {}), closed) << addresses;
    ASSERT_EQ(juliets_.written.size(), juliet_got.size()) << addresses;
    ASSERT_EQ(romeos_.written.size(), romeo_got.size()) << addresses;
    for (std::size_t at = 0; at < juliet_got.size(); ++at) {
      EXPECT_EQ(as_tree(juliets_.written[at]), as_tree(juliet_got[at]));
    }
    for (std::size_t at = 0; at < romeo_got.size(); ++at) {
      EXPECT_EQ(as_tree(romeos_.written[at]), as_tree(romeo_got[at]));
    }
  }
}

TEST_F(SessionTest, TakesNothingOnceItHasLeft) {
  auto juliet = bind(juliets_, "juliet@localhost/balcony");
  EXPECT_TRUE(juliet->deliver(chat("first", "juliet@localhost/balcony")));
  juliet->leave();
  EXPECT_FALSE(juliet->deliver(chat("second", "juliet@localhost/balcony")));
  EXPECT_EQ(juliets_.take().find("second"), std::string::npos);
  EXPECT_FALSE(directory_.find(jid("juliet@localhost/balcony")).has_value());
}

// Hardening S1.
TEST_F(SessionTest, WritesTheSendersNameItself) {
  auto juliet = bind(juliets_, "juliet@localhost/balcony");
  auto romeo = bind(romeos_, "romeo@localhost/orchard");
  send(*juliet, "<message to='romeo@localhost/orchard'><body>soft</body></message>");
  EXPECT_NE(romeos_.take().find("from='juliet@localhost/balcony'"), std::string::npos);
  for (const char* own : {"juliet@localhost", "juliet@localhost/balcony", "JULIET@localhost"}) {
    send(*juliet, "<message from='" + std::string(own) + "' to='romeo@localhost/orchard'/>");
    EXPECT_EQ(juliets_.closed_with, "") << own;
    EXPECT_NE(romeos_.take().find("from='juliet@localhost/balcony'"), std::string::npos) << own;
  }
  send(*juliet, "<message from='nurse@localhost' to='romeo@localhost/orchard'/>");
  EXPECT_EQ(juliets_.closed_with, "invalid-from");
  EXPECT_EQ(romeos_.take(), "");
}

// XEP-0198 §4
TEST_F(SessionTest, CountsStanzasFromEnableOn) {
  auto juliet = bind(juliets_, "juliet@localhost/balcony");
  send(*juliet, "<message to='romeo@localhost/orchard' type='error'/>");
  EXPECT_TRUE(manage(*juliet, "<enable xmlns='urn:xmpp:sm:3'/>"));
  EXPECT_EQ(juliets_.take(), "<enabled xmlns='urn:xmpp:sm:3'/>");
  send(*juliet, "<message to='romeo@localhost/orchard' type='error'/>");
  send(*juliet, "<presence/>");
  juliets_.take();
  EXPECT_TRUE(manage(*juliet, "<r xmlns='urn:xmpp:sm:3'/>"));
  EXPECT_EQ(juliets_.take(), "<a xmlns='urn:xmpp:sm:3' h='2'/>");
}

// Hardening E3.
TEST_F(SessionTest, EndsAStreamThatAcknowledgesWhatWasNotSent) {
  for (const char* h : {"1", "4294967295"}) {
    NotingOutput output;
    auto juliet = bind(output, "juliet@localhost/balcony");
    manage(*juliet, "<enable xmlns='urn:xmpp:sm:3'/>");
    manage(*juliet, "<a xmlns='urn:xmpp:sm:3' h='" + std::string(h) + "'/>");
    EXPECT_TRUE(output.closed_with.starts_with("undefined-condition<handled-count-too-high"))
        << output.closed_with;
    EXPECT_NE(output.closed_with.find("send-count='0'"), std::string::npos) << output.closed_with;
  }
}

TEST_F(SessionTest, EndsAStreamWhoseCountIsNoNumber) {
  for (const char* h : {"", "-1", "1x", " 1", "4294967296"}) {
    NotingOutput output;
    auto juliet = bind(output, "juliet@localhost/balcony");
    manage(*juliet, "<enable xmlns='urn:xmpp:sm:3'/>");
    manage(*juliet, "<a xmlns='urn:xmpp:sm:3' h='" + std::string(h) + "'/>");
    EXPECT_EQ(output.closed_with, "bad-format") << "h='" << h << "'";
  }
}

TEST_F(SessionTest, RoutesAnewOnlyWhatWasNotAcknowledged) {
  auto balcony = bind(juliets_, "juliet@localhost/balcony");
  manage(*balcony, "<enable xmlns='urn:xmpp:sm:3'/>");
  balcony->deliver(chat("first", "juliet@localhost/balcony"));
  balcony->deliver(chat("second", "juliet@localhost/balcony"));
  manage(*balcony, "<a xmlns='urn:xmpp:sm:3' h='1'/>");
  EXPECT_EQ(balcony->unacked(), 1U);

  NotingOutput chambers;
  auto chamber = bind(chambers, "juliet@localhost/chamber");
  send(*chamber, "<presence/>");
  chambers.take();
  balcony.reset();
  turn();
  const std::string rerouted = chambers.take();
  EXPECT_EQ(rerouted.find("first"), std::string::npos) << rerouted;
  EXPECT_NE(rerouted.find("second"), std::string::npos) << rerouted;
}

TEST_F(SessionTest, AsksForAnAcknowledgementBeforeItHoldsMuch) {
  auto juliet = bind(juliets_, "juliet@localhost/balcony");
  manage(*juliet, "<enable xmlns='urn:xmpp:sm:3'/>");
  for (int i = 0; i < 100; ++i) juliet->deliver(chat("soft", "juliet@localhost/balcony"));
  const std::string sent = juliets_.take();
  const std::string request = "<r xmlns='urn:xmpp:sm:3'/>";
  const auto asked = sent.find(request);
  ASSERT_NE(asked, std::string::npos);
  EXPECT_EQ(sent.find(request, asked + 1), std::string::npos) << "one at a time";
}

TEST_F(SessionTest, EndsAStreamThatNeverAcknowledges) {
  auto juliet = bind(juliets_, "juliet@localhost/balcony");
  manage(*juliet, "<enable xmlns='urn:xmpp:sm:3'/>");
  const auto limit = xmpp::UnackedLimits().stanzas_max;
  for (std::size_t i = 0; i < limit; ++i) {
    juliet->deliver(chat("soft", "juliet@localhost/balcony"));
  }
  EXPECT_EQ(juliets_.closed_with, "");
  juliet->deliver(chat("soft", "juliet@localhost/balcony"));
  EXPECT_EQ(juliets_.closed_with, "policy-violation");
}

TEST_F(SessionTest, EndsAStreamThatAcknowledgesUnasked) {
  auto juliet = bind(juliets_, "juliet@localhost/balcony");
  EXPECT_TRUE(manage(*juliet, "<a xmlns='urn:xmpp:sm:3' h='0'/>"));
  EXPECT_EQ(juliets_.closed_with, "policy-violation");
}

// RFC 6120 §7.7.2.2
TEST_F(SessionTest, IsDisplacedByALaterOneWithItsName) {
  auto juliet = bind(juliets_, "juliet@localhost/balcony");
  NotingOutput later;
  auto other = bind(later, "juliet@localhost/balcony");
  turn();
  EXPECT_EQ(juliets_.closed_with, "conflict");
  EXPECT_EQ(later.closed_with, "");
  juliet.reset();
  EXPECT_TRUE(directory_.find(jid("juliet@localhost/balcony")).has_value())
      << "the former one took the later one's entry with it";
}

// Hardening S3.
TEST_F(SessionTest, KeepsRosterPushesOfStrangersFromClients) {
  auto juliet = bind(juliets_, "juliet@localhost/balcony");
  auto romeo = bind(romeos_, "romeo@localhost/orchard");
  for (const char* ns : {"jabber:iq:roster", "urn:xmpp:blocking", "jabber:iq:privacy"}) {
    send(*juliet, "<iq type='set' id='p' to='romeo@localhost/orchard'><query xmlns='" +
                      std::string(ns) + "'/></iq>");
    EXPECT_EQ(romeos_.take(), "") << ns;
    EXPECT_NE(juliets_.take().find("<service-unavailable"), std::string::npos) << ns;
  }
}

TEST_F(SessionTest, LowersTheLevelOfUnacknowledgedStanzasByWhatIsAcknowledgedOrGivenUp) {
  const LoopLevel& level = loops_.front()->counters.unacknowledged_stanzas;
  auto juliet = bind(juliets_, "juliet@localhost/balcony");
  manage(*juliet, "<enable xmlns='urn:xmpp:sm:3'/>");
  for (int sent = 0; sent < 3; ++sent) juliet->deliver(chat("hi", "juliet@localhost/balcony"));
  EXPECT_EQ(level.value(), 3);
  manage(*juliet, "<a xmlns='urn:xmpp:sm:3' h='2'/>");
  EXPECT_EQ(level.value(), 1);
  manage(*juliet, "<a xmlns='urn:xmpp:sm:3' h='9'/>");  // More than were sent: takes nothing away.
  EXPECT_EQ(level.value(), 1);
  juliet.reset();
  EXPECT_EQ(level.value(), 0);
}

TEST_F(SessionTest, MeasuresTheWayOfWhatAClientSentAndOfNothingElse) {
  LoopCounters& counters = loops_.front()->counters;
  const auto& local = counters.route_duration[static_cast<std::size_t>(RouteScope::local)];
  auto juliet = bind(juliets_, "juliet@localhost/balcony");
  auto romeo = bind(romeos_, "romeo@localhost/orchard");
  romeo->deliver(chat("from elsewhere", "romeo@localhost/orchard"));
  EXPECT_EQ(local.sum(), 0);
  counters.read_at = std::chrono::steady_clock::now() - std::chrono::seconds(2);
  send(*juliet, "<message to='romeo@localhost/orchard'/>");
  EXPECT_GE(local.sum(), 2);
  EXPECT_LT(local.sum(), 4);  // Once.
}

TEST_F(SessionTest, DoesNotCountAsSentWhatTheStreamRefuses) {
  const auto& sent = loops_.front()->counters.stanzas_sent;
  const auto message = static_cast<std::size_t>(StanzaKind::message);
  auto juliet = bind(juliets_, "juliet@localhost/balcony");
  juliet->deliver(chat("first", "juliet@localhost/balcony"));
  EXPECT_EQ(sent.value(message), 1U);
  juliets_.is_full = true;
  juliet->deliver(chat("second", "juliet@localhost/balcony"));
  EXPECT_EQ(sent.value(message), 1U);
}

}  // namespace
}  // namespace server
