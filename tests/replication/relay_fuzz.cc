// Whatever two proven peers say of tunnels, a relay between them must end in an error, not in a
// crash, and hold a window a tunnel at most. Replays its corpus as a plain test; with --config=fuzz
// it explores.
//
// The input is frames. Those whose kind has the top bit set come over the one link, the others over
// the other.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <list>
#include <string>
#include <string_view>

#include "replication/carrier.h"
#include "replication/events.h"
#include "replication/node.h"
#include "replication/node_state.h"
#include "replication/outflow.h"
#include "replication/relay.h"
#include "replication/resume.h"

namespace replication {
namespace {

// Says back what it hears, as far as there is room.
struct Echo : TunnelEnd {
  Echo(Carrier& on, TunnelId number) : carrier(&on), tunnel(number) { on.attach(number, *this); }
  void tunnel_data(std::string_view bytes) override {
    carrier->send(tunnel, bytes.substr(0, carrier->room(tunnel)));
    carrier->grant(tunnel, bytes.size());
  }
  void tunnel_credit(std::size_t) override {}
  void tunnel_closed(boost::system::error_code) override { carrier = nullptr; }

  Carrier* carrier;
  TunnelId tunnel;
};

struct Side : CarrierHost {
  Side(NodeState& node, NodeRef peer, Role role, Relay& relays)
      : outflow(node, peer), carrier(*this, outflow, role), relay(relays) {
    outflow.carry(carrier);
    if (outflow.start(Resume{})) std::abort();
  }

  void peer_reaches(Reach) override {}
  void tunnel_asked(TunnelId tunnel, const NodeId& target) override {
    if (target.name == "other") {
      relay.pass(carrier, tunnel, other->carrier, {"origin", 1});
    } else {
      carrier.close(tunnel, Errc::no_route);
    }
  }
  void tunnel_offered(TunnelId tunnel, const NodeId&) override {
    echoes.emplace_back(carrier, tunnel);
  }
  void carrier_wake() override {}

  Outflow outflow;
  Carrier carrier;
  Relay& relay;
  Side* other = nullptr;
  std::list<Echo> echoes;
};

}  // namespace
}  // namespace replication

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace replication;
  static Events events;
  static Node node({.cluster = "c", .name = "a", .incarnation = 1, .secret = "s"}, events);
  static const NodeRef peer = node.state().owners.intern({"b", 1}).value();
  Relay relay(4);
  Side one(node.state(), peer, Role::dialler, relay);
  Side two(node.state(), peer, Role::acceptor, relay);
  one.other = &two;
  two.other = &one;
  FrameDecoder decoder(1 << 20);
  decoder.feed({reinterpret_cast<const char*>(data), size});
  std::string out;
  for (;;) {
    auto frame = decoder.next();
    if (!frame || !*frame) break;
    const auto kind = static_cast<unsigned>((*frame)->kind);
    Side& side = (kind & 0x80) != 0 ? one : two;
    (*frame)->kind = static_cast<FrameKind>(kind & 0x7f);
    if (side.carrier.take(**frame)) break;
    for (Side* each : {&one, &two}) {
      const std::size_t tunnels = each->carrier.tunnels();
      if (tunnels > Carrier::tunnels_max) std::abort();
      if (each->carrier.queued_bytes() > tunnels * relay_window_bytes) std::abort();
    }
    // Now and then a link writes, and so what was queued counts as sent.
    if (kind % 3 == 0) {
      out.clear();
      side.other->outflow.fill(64 * 1024, out);
    }
  }
  one.carrier.end();
  if (relay.tunnels() != 0 && size != 0) {
    two.carrier.end();
    if (relay.tunnels() != 0) std::abort();
  }
  return 0;
}
