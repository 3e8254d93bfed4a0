// Tunnels over a link, passed by hand between its two sides: no sockets, no threads.

#include "replication/carrier.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "replication/events.h"
#include "replication/node.h"
#include "replication/node_state.h"
#include "replication/outflow.h"
#include "replication/relay.h"
#include "replication/resume.h"
#include "replication/wire.h"

namespace replication {
namespace {

using boost::system::error_code;

// The end of a tunnel that keeps what comes.
struct Kept : TunnelEnd {
  void tunnel_data(std::string_view bytes) override { data += bytes; }
  void tunnel_credit(std::size_t bytes) override { credit += bytes; }
  void tunnel_closed(error_code error) override {
    closed = true;
    why = error;
  }

  std::string data;
  std::size_t credit = 0;
  bool closed = false;
  error_code why;
};

// One side of a link.
struct Side : CarrierHost {
  Side(const std::string& name, const std::string& peer_name, Role role)
      : node({.cluster = "test", .name = name, .incarnation = 1, .secret = "s"}, events),
        outflow(node.state(), node.state().owners.intern({peer_name, 1}).value()),
        carrier(*this, outflow, role) {
    outflow.carry(carrier);
    EXPECT_FALSE(outflow.start(Resume{}));
    said();  // "caught up"
  }

  void peer_reaches(Reach told) override { reach = std::move(told); }
  void tunnel_asked(TunnelId tunnel, const NodeId& target) override {
    asked = {tunnel, target};
    if (end != nullptr) carrier.attach(tunnel, *end);
  }
  void tunnel_offered(TunnelId tunnel, const NodeId& origin) override {
    asked = {tunnel, origin};
    if (end != nullptr) carrier.attach(tunnel, *end);
  }
  void carrier_wake() override { ++wakes; }

  std::string said(std::size_t bytes_max = 1 << 20) {
    std::string out;
    outflow.fill(bytes_max, out);
    return out;
  }

  error_code hear(const std::string& bytes) {
    FrameDecoder decoder(1 << 20);
    decoder.feed(bytes);
    for (;;) {
      auto frame = decoder.next();
      if (!frame) return frame.error();
      if (!*frame) return {};
      if (auto error = carrier.take(**frame)) return error;
    }
  }

  error_code hear(FrameKind kind, const std::string& body) {
    return carrier.take({.kind = kind, .body = body});
  }

  Events events;
  Node node;
  Outflow outflow;
  Carrier carrier;
  TunnelEnd* end = nullptr;  // Takes the tunnels that are begun by the other side.
  Reach reach;
  RelayRequest asked;
  int wakes = 0;
};

struct OneLink {
  OneLink() { b.end = &at_b; }

  TunnelId open() {
    TunnelId tunnel = a.carrier.open({"b", 1}, at_a);
    talk();
    return tunnel;
  }
  void talk() {
    for (bool more = true; more;) {
      std::string from_a = a.said(), from_b = b.said();
      ASSERT_FALSE(b.hear(from_a));
      ASSERT_FALSE(a.hear(from_b));
      more = !from_a.empty() || !from_b.empty();
    }
  }

  Side a{"a", "b", Role::dialler}, b{"b", "a", Role::acceptor};
  Kept at_a, at_b;
};

const std::string window(relay_window_bytes, 'x');

TEST(Tunnel, CarriesBytesBothWaysAndEndsBehindThem) {
  OneLink link;
  TunnelId tunnel = link.open();
  EXPECT_EQ(link.b.asked.node, (NodeId{"b", 1}));
  link.a.carrier.send(tunnel, "there");
  link.b.carrier.send(tunnel, "back");
  link.talk();
  EXPECT_EQ(link.at_b.data, "there");
  EXPECT_EQ(link.at_a.data, "back");
  link.a.carrier.send(tunnel, ", and no more");
  link.a.carrier.close(tunnel, {});
  link.talk();
  EXPECT_EQ(link.at_b.data, "there, and no more");
  EXPECT_TRUE(link.at_b.closed);
  EXPECT_FALSE(link.at_b.why);
  EXPECT_FALSE(link.at_a.closed);  // Who closes knows.
}

// hardening K3: what is under way, and what a relay holds, has a bound.
TEST(Tunnel, HasRoomForAWindowUntilItIsTaken) {
  OneLink link;
  TunnelId tunnel = link.open();
  EXPECT_EQ(link.a.carrier.room(tunnel), relay_window_bytes);
  link.a.carrier.send(tunnel, window);
  link.talk();
  EXPECT_EQ(link.at_b.data.size(), relay_window_bytes);
  EXPECT_EQ(link.a.carrier.room(tunnel), 0u);
  link.b.carrier.grant(tunnel, 1000);
  link.talk();
  EXPECT_EQ(link.at_a.credit, 1000u);
  EXPECT_EQ(link.a.carrier.room(tunnel), 1000u);
}

TEST(Tunnel, OverItsWindowIsABreach) {
  OneLink link;
  TunnelId tunnel = link.open();
  std::string bytes;
  append_relay_data({.tunnel = tunnel, .bytes = window}, bytes);
  EXPECT_FALSE(link.b.hear(bytes));
  bytes.clear();
  append_relay_data({.tunnel = tunnel, .bytes = "x"}, bytes);
  EXPECT_EQ(link.b.hear(bytes), Errc::over_window);
}

// Else a far end could have a relay hold as much as it likes.
TEST(Tunnel, TakesNoCreditForWhatWasNotSent) {
  OneLink link;
  TunnelId tunnel = link.open();
  link.a.carrier.send(tunnel, "four");
  auto credit = [&](std::uint32_t bytes) {
    return link.a.hear(FrameKind::relay_credit, encode(RelayCredit{tunnel, bytes}));
  };
  EXPECT_EQ(credit(1), Errc::over_window);  // It is still in our queue.
  link.talk();
  EXPECT_FALSE(credit(4));
  EXPECT_EQ(credit(1), Errc::over_window);
}

TEST(Tunnel, ThatThereNeverWasIsABreachOneThatWasIsNot) {
  OneLink link;
  TunnelId tunnel = link.open();
  link.a.carrier.close(tunnel, {});
  link.talk();
  for (TunnelId id : {tunnel, TunnelId{0}, TunnelId{2}, TunnelId{3}, TunnelId{4'000'000'000}}) {
    std::string bytes;
    append_relay_data({.tunnel = id, .bytes = "x"}, bytes);
    const error_code expected = id == tunnel ? error_code() : make_error_code(Errc::unknown_tunnel);
    for (Side* side : {&link.a, &link.b}) {
      EXPECT_EQ(side->hear(bytes), expected) << id;
      EXPECT_EQ(side->hear(FrameKind::relay_credit, encode(RelayCredit{id, 1})), expected) << id;
      EXPECT_EQ(side->hear(FrameKind::relay_close, encode(RelayClose{id, {}})), expected) << id;
    }
  }
}

TEST(Tunnel, NumbersGoUpwardsAndAreOfTheSideThatBegins) {
  OneLink link;
  EXPECT_EQ(link.open(), 1u);
  EXPECT_EQ(link.open(), 3u);
  auto open = [&](Side& at, TunnelId id) {
    return at.hear(FrameKind::relay_open, encode(RelayRequest{id, {"b", 1}}));
  };
  EXPECT_EQ(open(link.b, 3), Errc::bad_frame);
  EXPECT_EQ(open(link.b, 1), Errc::bad_frame);
  EXPECT_EQ(open(link.b, 4), Errc::bad_frame);
  EXPECT_EQ(open(link.b, 0), Errc::bad_frame);
  EXPECT_EQ(open(link.a, 5), Errc::bad_frame);
  EXPECT_FALSE(open(link.b, 9));
  EXPECT_FALSE(open(link.a, 2));
}

TEST(Tunnel, BeyondTheMostOfALinkIsRefused) {
  OneLink link;
  for (std::size_t i = 0; i < Carrier::tunnels_max; ++i) ASSERT_NE(link.open(), 0u);
  EXPECT_EQ(link.a.carrier.open({"b", 1}, link.at_a), 0u);
  const TunnelId next = 2 * Carrier::tunnels_max + 1;
  EXPECT_FALSE(link.b.hear(FrameKind::relay_open, encode(RelayRequest{next, {"b", 1}})));
  std::string refused;
  append_frame(FrameKind::relay_close, encode(RelayClose{next, Errc::relay_full}), refused);
  EXPECT_EQ(link.b.said(), refused);
}

TEST(Tunnel, ThatIsClosedIsStillReadForABit) {
  OneLink link;
  TunnelId tunnel = link.open();
  link.b.carrier.send(tunnel, "under way");
  std::string crossing = link.b.said();
  link.a.carrier.close(tunnel, Errc::no_route);
  EXPECT_FALSE(link.a.hear(crossing));
  EXPECT_EQ(link.at_a.data, "");
  link.talk();
  EXPECT_TRUE(link.at_b.closed);
  EXPECT_EQ(link.at_b.why, Errc::no_route);
}

TEST(Tunnel, EndsWithItsLink) {
  OneLink link;
  TunnelId tunnel = link.open();
  link.a.carrier.send(tunnel, "not sent any more");
  link.a.carrier.end();
  EXPECT_TRUE(link.at_a.closed);
  EXPECT_EQ(link.at_a.why, Errc::no_route);
  EXPECT_TRUE(link.a.carrier.idle());
  EXPECT_EQ(link.a.carrier.open({"b", 1}, link.at_a), 0u);
}

// Design: a tunnel shares its link with others, and with the link's own flows, in turns.
TEST(Tunnel, TakesTurnsWithOthers) {
  OneLink link;
  Kept other;
  TunnelId first = link.open(), second = link.open();
  link.a.carrier.send(first, window);
  link.a.carrier.send(second, "short");
  link.a.outflow.control(FrameKind::ping, std::string(8, '\0'));
  FrameDecoder decoder(1 << 20);
  decoder.feed(link.a.said());
  std::vector<std::pair<FrameKind, TunnelId>> order;
  while (auto frame = *decoder.next()) {
    auto data = decode_relay_data(frame->body);
    order.emplace_back(frame->kind,
                       frame->kind == FrameKind::relay_data && data ? data->tunnel : 0);
  }
  ASSERT_GE(order.size(), 4u);
  EXPECT_EQ(order[0].first, FrameKind::ping);
  EXPECT_NE(order[1].second, order[2].second);
  EXPECT_EQ(order.back(), (std::pair{FrameKind::relay_data, first}));
}

TEST(RelayFrames, ThatAreMalformedAreRefused) {
  OneLink link;
  TunnelId tunnel = link.open();
  const std::string id = encode(RelayCredit{tunnel, 1}).substr(0, 4);
  const std::vector<std::pair<FrameKind, std::string>> bad{
      {FrameKind::reach, ""},
      {FrameKind::reach, std::string("\0\1", 2)},
      {FrameKind::reach, std::string("\0\1\0\0\0\0\0\0\0\1\0", 11)},  // No name.
      {FrameKind::reach, encode_reach({{"b", 1}, {"a", 1}})},         // Order.
      {FrameKind::reach, encode_reach({{"a", 1}, {"a", 2}})},         // Twice.
      {FrameKind::reach, std::string("\xff\xff", 2) + encode_reach({{"a", 1}}).substr(2)},  // Many.
      {FrameKind::relay_open, ""},
      {FrameKind::relay_open, encode(RelayRequest{5, {"", 1}})},
      {FrameKind::relay_open, encode(RelayRequest{5, {std::string(251, 'n'), 1}})},
      {FrameKind::relay_offer, encode(RelayRequest{5, {"b", 1}}).substr(0, 12)},
      {FrameKind::relay_data, id.substr(1)},
      {FrameKind::relay_data, id},
      {FrameKind::relay_credit, id},
      {FrameKind::relay_credit, encode(RelayCredit{tunnel, 0})},
      {FrameKind::relay_close, id},
      {FrameKind::relay_close, id + "1"},
      {FrameKind::log, ""},
  };
  for (std::size_t at = 0; at < bad.size(); ++at) {
    EXPECT_EQ(link.b.hear(bad[at].first, bad[at].second), Errc::bad_frame) << at;
  }
}

TEST(RelayFrames, MayHaveFieldsOfLaterReleases) {
  OneLink link;
  EXPECT_FALSE(link.b.hear(FrameKind::reach, encode_reach({{"c", 7}}) + "more"));
  EXPECT_EQ(link.b.reach, (Reach{{"c", 7}}));
  EXPECT_FALSE(link.b.hear(FrameKind::relay_open, encode(RelayRequest{1, {"b", 1}}) + "more"));
  EXPECT_FALSE(link.b.hear(FrameKind::relay_credit, encode(RelayCredit{1, 1}) + "more") ==
               make_error_code(Errc::bad_frame));
  EXPECT_FALSE(link.b.hear(FrameKind::relay_close, encode(RelayClose{1, {}}) + "more"));
}

// A reach is never longer than its reader allows.
TEST(RelayFrames, NameOnlySoManyLives) {
  Reach reach;
  for (std::size_t i = 0; i < 2 * reach_max; ++i) {
    std::string number = std::to_string(i);
    reach.push_back({std::string(8 - number.size(), '0') + number, 1});
  }
  auto decoded = decode_reach(encode_reach(reach));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->size(), reach_max);
}

// Two links that meet in a relay: "a" and "b" at the ends, the relay's sides in the middle.
struct TwoLinks {
  TwoLinks() { b.end = &at_b; }

  TunnelId open() {
    TunnelId tunnel = a.carrier.open({"b", 1}, at_a);
    talk();
    relay.pass(to_a.carrier, to_a.asked.tunnel, to_b.carrier, {"a", 1});
    talk();
    return tunnel;
  }
  void talk() {
    for (bool more = true; more;) {
      more = say(a, to_a) | say(to_a, a) | say(b, to_b) | say(to_b, b);
    }
  }
  static bool say(Side& from, Side& to) {
    std::string bytes = from.said();
    EXPECT_FALSE(to.hear(bytes));
    return !bytes.empty();
  }

  Relay relay{2};
  Side a{"a", "c", Role::dialler}, to_a{"c", "a", Role::acceptor};
  Side b{"b", "c", Role::dialler}, to_b{"c", "b", Role::acceptor};
  Kept at_a, at_b;
};

TEST(Relay, PassesBytesCreditAndTheEnd) {
  TwoLinks links;
  TunnelId tunnel = links.open();
  EXPECT_EQ(links.b.asked.node, (NodeId{"a", 1}));  // Who asks, not whom.
  EXPECT_EQ(links.relay.tunnels(), 1u);
  EXPECT_EQ(links.relay.tunnels(links.to_a.carrier), 1u);
  links.a.carrier.send(tunnel, "hello");
  links.talk();
  EXPECT_EQ(links.at_b.data, "hello");
  EXPECT_EQ(links.to_b.carrier.relayed_bytes(), 5u);
  links.b.carrier.grant(links.b.asked.tunnel, 5);
  links.talk();
  EXPECT_EQ(links.at_a.credit, 5u);
  links.b.carrier.close(links.b.asked.tunnel, Errc::stopping);
  links.talk();
  EXPECT_TRUE(links.at_a.closed);
  EXPECT_EQ(links.at_a.why, Errc::stopping);
  EXPECT_EQ(links.relay.tunnels(), 0u);
}

// hardening K3, design R9
TEST(Relay, HoldsAWindowAtMostHoweverSlowTheFarLinkIs) {
  TwoLinks links;
  TunnelId tunnel = links.open();
  for (int turn = 0; turn < 10; ++turn) {
    links.a.carrier.send(tunnel, std::string(links.a.carrier.room(tunnel), 'x'));
    TwoLinks::say(links.a, links.to_a);
    TwoLinks::say(links.to_a, links.a);
    EXPECT_EQ(links.to_b.carrier.queued_bytes(), relay_window_bytes);
  }
  links.talk();
  EXPECT_EQ(links.at_b.data.size(), relay_window_bytes);
}

TEST(Relay, EndsATunnelWithEitherLink) {
  for (bool near : {true, false}) {
    TwoLinks links;
    TunnelId tunnel = links.open();
    links.a.carrier.send(tunnel, "sent before");
    TwoLinks::say(links.a, links.to_a);
    (near ? links.to_a : links.to_b).carrier.end();
    EXPECT_EQ(links.relay.tunnels(), 0u);
    links.talk();
    Kept& told = near ? links.at_b : links.at_a;
    EXPECT_TRUE(told.closed);
    EXPECT_EQ(told.why, Errc::no_route);
    if (near) {
      EXPECT_EQ(links.at_b.data, "sent before");
    }
  }
}

TEST(Relay, RefusesTunnelsBeyondItsMost) {
  TwoLinks links;
  links.open();
  links.open();
  EXPECT_FALSE(links.at_a.closed);
  links.open();
  EXPECT_TRUE(links.at_a.closed);
  EXPECT_EQ(links.at_a.why, Errc::relay_full);
  EXPECT_EQ(links.relay.tunnels(), 2u);
  links.relay.close_all(Errc::stopping);
  EXPECT_EQ(links.relay.tunnels(), 0u);
}

}  // namespace
}  // namespace replication
