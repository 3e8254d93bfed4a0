#include "replication/carrier.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "replication/outflow.h"

namespace replication {

using boost::system::error_code;

Carrier::Carrier(CarrierHost& host, Outflow& outflow, Role role)
    : host_(host), outflow_(outflow), next_(role == Role::dialler ? 1 : 2) {}

error_code Carrier::take(const Frame& frame) {
  switch (frame.kind) {
    case FrameKind::reach: {
      auto reach = decode_reach(frame.body);
      if (!reach) return Errc::bad_frame;
      host_.peer_reaches(*std::move(reach));
      return {};
    }
    case FrameKind::relay_open:
    case FrameKind::relay_offer:
      return take_request(frame);
    case FrameKind::relay_data:
      return take_data(frame.body);
    case FrameKind::relay_credit:
      return take_credit(frame.body);
    case FrameKind::relay_close:
      return take_close(frame.body);
    default:
      return Errc::bad_frame;
  }
}

error_code Carrier::take_request(const Frame& frame) {
  auto request = decode_relay_request(frame.body);
  if (!request) return Errc::bad_frame;
  const TunnelId id = request->tunnel;
  // Of the other side's kind, and higher than all before.
  if (id % 2 == next_ % 2 || id <= theirs_) return Errc::bad_frame;
  theirs_ = id;
  const bool full = tunnels_.size() >= tunnels_max;
  tunnels_.try_emplace(id);
  if (full) {
    close(id, Errc::relay_full);
  } else if (frame.kind == FrameKind::relay_open) {
    host_.tunnel_asked(id, request->node);
  } else {
    host_.tunnel_offered(id, request->node);
  }
  return {};
}

error_code Carrier::take_data(std::string_view body) {
  auto data = decode_relay_data(body);
  if (!data) return Errc::bad_frame;
  auto found = tunnels_.find(data->tunnel);
  if (found == tunnels_.end()) return absent(data->tunnel);
  Tunnel& tunnel = found->second;
  if (data->bytes.size() > tunnel.granted) return Errc::over_window;
  tunnel.granted -= data->bytes.size();
  if (tunnel.end != nullptr) tunnel.end->tunnel_data(data->bytes);
  return {};
}

error_code Carrier::take_credit(std::string_view body) {
  auto credit = decode_relay_credit(body);
  if (!credit) return Errc::bad_frame;
  auto found = tunnels_.find(credit->tunnel);
  if (found == tunnels_.end()) return absent(credit->tunnel);
  Tunnel& tunnel = found->second;
  // Nobody takes what was not sent: else a peer could make us hold more than a window.
  if (credit->bytes > tunnel.sent) return Errc::over_window;
  tunnel.sent -= credit->bytes;
  if (tunnel.end != nullptr) tunnel.end->tunnel_credit(credit->bytes);
  return {};
}

error_code Carrier::take_close(std::string_view body) {
  auto close = decode_relay_close(body);
  if (!close) return Errc::bad_frame;
  auto found = tunnels_.find(close->tunnel);
  if (found == tunnels_.end()) return absent(close->tunnel);
  TunnelEnd* end = found->second.end;
  drop(found);
  if (end != nullptr) end->tunnel_closed(close->why);
  return {};
}

// A frame can cross the close of its tunnel, but not come before there was one.
error_code Carrier::absent(TunnelId tunnel) const {
  const bool ours = tunnel % 2 == next_ % 2;
  const bool was = tunnel != 0 && (ours ? tunnel < next_ : tunnel <= theirs_);
  return was ? error_code() : make_error_code(Errc::unknown_tunnel);
}

bool Carrier::fill(std::size_t bytes_max, std::string& out) {
  if (queued_bytes_ == 0) return false;
  auto at = tunnels_.upper_bound(turn_);
  for (std::size_t looked = 0; looked <= tunnels_.size(); ++looked, ++at) {
    if (at == tunnels_.end()) at = tunnels_.begin();
    if (!at->second.queue.empty()) break;
  }
  auto& [id, tunnel] = *at;
  const std::size_t size = std::min(bytes_max, tunnel.queue.size());
  append_relay_data({.tunnel = id, .bytes = std::string_view(tunnel.queue).substr(0, size)}, out);
  tunnel.queue.erase(0, size);
  tunnel.sent += size;
  queued_bytes_ -= size;
  turn_ = id;
  if (tunnel.queue.empty() && tunnel.end == nullptr) {
    append_frame(FrameKind::relay_close, encode(RelayClose{.tunnel = id, .why = tunnel.why}), out);
    drop(at);
  }
  return true;
}

void Carrier::announce(const Reach& reach) {
  if (ended_) return;
  outflow_.control(FrameKind::reach, encode_reach(reach));
  host_.carrier_wake();
}

TunnelId Carrier::open(const NodeId& target, TunnelEnd& end) {
  return begin(FrameKind::relay_open, target, end);
}

TunnelId Carrier::offer(const NodeId& origin, TunnelEnd& end) {
  return begin(FrameKind::relay_offer, origin, end);
}

TunnelId Carrier::begin(FrameKind kind, const NodeId& node, TunnelEnd& end) {
  if (ended_ || tunnels_.size() >= tunnels_max) return 0;
  const TunnelId id = next_;
  next_ += 2;
  tunnels_[id].end = &end;
  outflow_.control(kind, encode(RelayRequest{.tunnel = id, .node = node}));
  host_.carrier_wake();
  return id;
}

void Carrier::attach(TunnelId tunnel, TunnelEnd& end) { tunnels_.at(tunnel).end = &end; }

std::size_t Carrier::room(TunnelId id) const {
  const Tunnel& tunnel = tunnels_.at(id);
  return relay_window_bytes - tunnel.sent - tunnel.queue.size();
}

void Carrier::send(TunnelId tunnel, std::string_view bytes) {
  assert(bytes.size() <= room(tunnel));
  tunnels_.at(tunnel).queue += bytes;
  queued_bytes_ += bytes.size();
  host_.carrier_wake();
}

void Carrier::grant(TunnelId tunnel, std::size_t bytes) {
  tunnels_.at(tunnel).granted += bytes;
  outflow_.control(
      FrameKind::relay_credit,
      encode(RelayCredit{.tunnel = tunnel, .bytes = static_cast<std::uint32_t>(bytes)}));
  host_.carrier_wake();
}

void Carrier::close(TunnelId id, error_code why) {
  auto found = tunnels_.find(id);
  if (found == tunnels_.end()) return;
  found->second.end = nullptr;
  found->second.why = why;
  if (!found->second.queue.empty()) return;  // fill() ends it.
  drop(found);
  outflow_.control(FrameKind::relay_close, encode(RelayClose{.tunnel = id, .why = why}));
  host_.carrier_wake();
}

void Carrier::drop(Tunnels::iterator tunnel) {
  queued_bytes_ -= tunnel->second.queue.size();
  tunnels_.erase(tunnel);
}

void Carrier::end() {
  ended_ = true;
  queued_bytes_ = 0;
  for (auto& [id, tunnel] : std::exchange(tunnels_, {})) {
    if (tunnel.end != nullptr) tunnel.end->tunnel_closed(Errc::no_route);
  }
}

}  // namespace replication
