#include "server/session/move_messages.h"

#include <algorithm>
#include <utility>

#include "server/router/payload.h"
#include "xmpp/element_scanner.h"

namespace server {
namespace {

constexpr unsigned forwarded = 1, restored = 2;  // Flags of a copy.

PayloadWriter begin(MoveStep step) {
  PayloadWriter out;
  out.number(static_cast<std::uint64_t>(step), 1);
  return out;
}

void write(PayloadWriter& out, const MoveOrigin& origin) {
  out.number(origin.loop, 2);
  out.number(origin.session, 8);
}

MoveOrigin read_origin(PayloadReader& in) {
  MoveOrigin origin;
  origin.loop = static_cast<std::uint16_t>(in.number(2));
  origin.session = in.number(8);
  return origin;
}

}  // namespace

std::string encode(const MoveRequest& request) {
  PayloadWriter out = begin(MoveStep::request);
  out.number(request.session, 8);
  out.number(request.taker_loop, 2);
  out.number(request.number, 8);
  out.number(request.h, 4);
  out.text(request.jid.str());
  out.text({request.token.data(), request.token.size()});
  return std::move(out).bytes();
}

std::optional<MoveRequest> decode_move_request(std::string_view bytes) {
  PayloadReader in(bytes);
  MoveRequest request;
  request.session = in.number(8);
  request.taker_loop = static_cast<std::uint16_t>(in.number(2));
  request.number = in.number(8);
  request.h = static_cast<xmpp::StanzaCount>(in.number(4));
  auto jid = xmpp::Jid::parse(in.text());
  const std::string_view token = in.text();
  if (in.failed() || !jid || token.size() != request.token.size()) return std::nullopt;
  request.jid = *std::move(jid);
  std::ranges::copy(token, request.token.begin());
  return request;
}

std::string encode(const MoveRefused& refused) {
  PayloadWriter out = begin(MoveStep::refused);
  out.number(refused.number, 8);
  out.number(static_cast<std::uint64_t>(refused.why), 1);
  out.number(refused.sent, 4);
  return std::move(out).bytes();
}

std::optional<MoveRefused> decode_move_refused(std::string_view bytes) {
  PayloadReader in(bytes);
  MoveRefused refused;
  refused.number = in.number(8);
  const std::uint64_t why = in.number(1);
  refused.sent = static_cast<xmpp::StanzaCount>(in.number(4));
  if (in.failed() || why > static_cast<std::uint64_t>(MoveRefusal::too_high)) return std::nullopt;
  refused.why = static_cast<MoveRefusal>(why);
  return refused;
}

std::string encode(const MoveState& state) {
  PayloadWriter out = begin(MoveStep::state);
  write(out, state.origin);
  out.number(state.number, 8);
  out.rest(encode(state.state));
  return std::move(out).bytes();
}

std::optional<MoveState> decode_move_state(std::string_view bytes) {
  PayloadReader in(bytes);
  MoveState moved;
  moved.origin = read_origin(in);
  moved.number = in.number(8);
  auto state = decode_session_state(in.rest());
  if (in.failed() || !state) return std::nullopt;
  moved.state = *std::move(state);
  return moved;
}

std::string encode(const MoveCopy& copy, const replication::NodeId& owner) {
  PayloadWriter out = begin(MoveStep::copy);
  write(out, copy.origin);
  out.number((copy.is_forwarded ? forwarded : 0) | (copy.stanza.is_restored ? restored : 0), 1);
  out.number(owner.incarnation, 8);
  out.text(owner.name);
  out.rest(encode(copy.stanza, 0, 0));
  return std::move(out).bytes();
}

std::optional<MoveCopy> decode_move_copy(std::string_view bytes, const Router& router) {
  PayloadReader in(bytes);
  MoveCopy copy;
  copy.origin = read_origin(in);
  const std::uint64_t flags = in.number(1);
  replication::NodeId owner;
  owner.incarnation = in.number(8);
  owner.name = in.text();
  auto arrival = decode_arrival(in.rest());
  if (in.failed() || !arrival) return std::nullopt;
  copy.stanza = std::move(arrival->stanza);
  if (!xmpp::check_element(copy.stanza.xml, xmpp::StreamLimits::server()).is_valid) {
    return std::nullopt;
  }
  copy.is_forwarded = (flags & forwarded) != 0;
  copy.stanza.is_restored = (flags & restored) != 0;
  if (const auto node = router.ref_of(owner)) {
    copy.stanza.ticket.node = *node;
  } else {
    copy.stanza.ticket = {};  // There is no way to tell it what becomes of the copy.
  }
  return copy;
}

std::string encode(const MoveEnd& end) {
  PayloadWriter out = begin(MoveStep::end);
  write(out, end.origin);
  out.number(end.has_mail ? 1 : 0, 1);
  return std::move(out).bytes();
}

std::optional<MoveEnd> decode_move_end(std::string_view bytes) {
  PayloadReader in(bytes);
  MoveEnd end;
  end.origin = read_origin(in);
  end.has_mail = in.number(1) != 0;
  if (in.failed()) return std::nullopt;
  return end;
}

std::string encode(MoveStep step, SessionId session) {
  PayloadWriter out = begin(step);
  out.number(session, 8);
  return std::move(out).bytes();
}

std::optional<SessionId> decode_move_session(std::string_view bytes) {
  PayloadReader in(bytes);
  const SessionId session = in.number(8);
  if (in.failed()) return std::nullopt;
  return session;
}

}  // namespace server
