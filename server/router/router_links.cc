// What the routers of two nodes, or of two loops, say to each other beside stanzas.

#include <algorithm>
#include <utility>

#include "replication/node.h"
#include "server/router/payload.h"
#include "server/router/router.h"
#include "xmpp/element_scanner.h"

namespace server {

const replication::NodeId& Router::id_of(replication::NodeRef node) const { return node_.id(node); }

std::optional<replication::NodeRef> Router::ref_of(const replication::NodeId& id) const {
  if (id == node_.id()) return replication::self_ref;
  const auto ref = node_.ref(id);
  if (!ref) return std::nullopt;
  return *ref;
}

bool Router::report(replication::NodeRef node, FateReport& report) {
  if (node == replication::self_ref) {
    on_fates(node, std::move(report));
    return true;
  }
  std::string payload;
  if (report.moved_from) {
    const replication::NodeId& from = id_of(*report.moved_from);
    PayloadWriter out(PayloadKind::moved);
    out.number(report.loop, 2);
    out.number(from.incarnation, 8);
    out.text(from.name);
    for (const auto& [number, fate] : report.fates) out.number(number, 8);
    payload = std::move(out).bytes();
  } else {
    payload = encode(report);
  }
  const auto sent = node_.send(node, payload);
  return sent || sent.error() != replication::Errc::queue_full;
}

void Router::on_moved(replication::NodeRef from, std::string_view payload) {
  PayloadReader reader(payload.substr(1));
  FateReport report{.loop = static_cast<std::uint16_t>(reader.number(2)), .fates = {}};
  replication::NodeId former;
  former.incarnation = reader.number(8);
  former.name = reader.text();
  report.moved_from = ref_of(former);
  while (!reader.failed() && !reader.rest().empty()) {
    report.fates.emplace_back(reader.number(8), CopyFate::moved);
  }
  if (!reader.failed() && report.moved_from) on_fates(from, std::move(report));
}

void Router::on_fates(replication::NodeRef from, FateReport report) {
  RoutedLoop& home = loop_at(report.loop);
  home.loop.post([&home, from, report = std::move(report)] {
    if (!home.settlement) return;
    for (const auto& [number, fate] : report.fates) {
      if (report.moved_from) {
        home.settlement->on_moved(number, *report.moved_from, from);
      } else {
        home.settlement->on_fate(number, fate, from);
      }
    }
  });
}

bool Router::send_move(replication::NodeRef node, std::uint16_t loop, std::string_view message) {
  PayloadWriter out(PayloadKind::move, message.size() + 2);
  out.number(loop, 2);
  out.rest(message);
  if (node == replication::self_ref) {
    on_move(node, std::move(out).bytes());
    return true;
  }
  return node_.send(node, std::move(out).bytes()).has_value();
}

void Router::on_move(replication::NodeRef from, std::string_view payload) {
  PayloadReader reader(payload.substr(1));
  RoutedLoop& home = loop_at(reader.number(2));
  home.loop.post([&home, from, message = std::string(reader.rest())] {
    if (home.moves != nullptr) home.moves->on_message(from, message);
  });
}

std::vector<replication::NodeRef> Router::send_echo(std::uint16_t loop, std::uint64_t round) {
  std::vector<replication::NodeRef> asked{replication::self_ref};
  pass_loops(0, [this, loop, round] {
    RoutedLoop& home = loop_at(loop);
    home.loop.post([&home, round] { home.flush->on_answer(replication::self_ref, round); });
  });
  PayloadWriter out(PayloadKind::echo);
  out.number(loop, 2);
  out.number(round, 8);
  const std::string echo = std::move(out).bytes();
  for (const replication::PeerStatus& peer : node_.peers()) {
    const auto ref = node_.ref(peer.id);
    if (!ref || !node_.reachable(*ref) || !node_.send(*ref, echo)) continue;
    asked.push_back(*ref);
  }
  return asked;
}

void Router::on_echo(replication::NodeRef from, std::string_view payload) {
  pass_loops(0, [this, from, asked = std::string(payload)]() mutable {
    asked.front() = static_cast<char>(PayloadKind::echoed);
    (void)node_.send(from, asked);  // Who is gone waits for nothing.
  });
}

void Router::on_echoed(replication::NodeRef from, std::string_view payload) {
  PayloadReader reader(payload.substr(1));
  RoutedLoop& home = loop_at(reader.number(2));
  const std::uint64_t round = reader.number(8);
  home.loop.post([&home, from, round] { home.flush->on_answer(from, round); });
}

// A loop routes what it reads in the turn in which it looks up where to.
void Router::pass_loops(std::size_t index, std::function<void()> done) {
  loop_at(index).loop.post([this, index, done = std::move(done)] {
    if (index + 1 == loops_->size()) return done();
    pass_loops(index + 1, done);
  });
}

void Router::offer_mail(const xmpp::Jid& account, RoutedLoop* here) {
  for (const auto& entry : directory_.find_all(account.bare_str())) {
    if (!entry.record.is_available || entry.record.priority < 0) continue;
    if (entry.address.node == replication::self_ref) return on_mail(entry.address, here);
    PayloadWriter out(PayloadKind::mail);
    out.number(entry.address.loop, 2);
    out.number(entry.address.session, 8);
    if (node_.send(entry.address.node, std::move(out).bytes())) return;
  }
}

void Router::on_mail(const SessionAddress& address, RoutedLoop* here) {
  RoutedLoop& home = loop_at(address.loop);
  if (here == &home) {
    if (Recipient* session = home.sessions.find(address.session)) session->on_mail();
    return;
  }
  home.loop.post([&home, id = address.session] {
    if (Recipient* session = home.sessions.find(id)) session->on_mail();
  });
}

void Router::on_node_gone(replication::NodeRef node) {
  for (auto& loop : *loops_) {
    loop->loop.post([home = loop.get(), node] {
      if (home->settlement) home->settlement->on_node_gone(node);
      home->flush->on_node_gone(node);
      if (home->moves != nullptr) home->moves->on_node_gone(node);
    });
  }
}

void Router::on_arrival(replication::NodeRef from, std::string_view payload) {
  switch (payload.empty() ? PayloadKind::stanza : static_cast<PayloadKind>(payload.front())) {
    case PayloadKind::fates:
      if (auto report = decode_fates(payload)) return on_fates(from, *std::move(report));
      break;
    case PayloadKind::mail: {
      PayloadReader reader(payload.substr(1));
      const auto loop = static_cast<std::uint16_t>(reader.number(2));
      const SessionId session = reader.number(8);
      if (!reader.failed()) return on_mail({replication::self_ref, loop, session}, nullptr);
      break;
    }
    case PayloadKind::move:
      return on_move(from, payload);
    case PayloadKind::moved:
      return on_moved(from, payload);
    case PayloadKind::echo:
      return on_echo(from, payload);
    case PayloadKind::echoed:
      return on_echoed(from, payload);
    default:
      break;
  }
  auto arrival = decode_arrival(payload);
  // Hardening K6: what a peer sends is held to the rules of a client's stream.
  if (!arrival ||
      !xmpp::check_element(arrival->stanza.xml, xmpp::StreamLimits::server()).is_valid) {
    link_counters_.stanzas_dropped.add("invalid-from-peer");
    return;
  }
  arrival->stanza.ticket.node = from;
  deliver({replication::self_ref, arrival->loop, arrival->session}, arrival->stanza, nullptr);
}

void Router::on_undelivered(std::string_view payload) {
  auto arrival = decode_arrival(payload);
  // One with a ticket is routed anew by the loop that answers for it: on_node_gone().
  if (arrival && !arrival->stanza.ticket) undeliverable(std::move(arrival->stanza), nullptr);
}

}  // namespace server
