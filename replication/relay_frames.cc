#include "replication/relay_frames.h"

#include <algorithm>

#include "replication/error.h"
#include "replication/frame.h"
#include "replication/hello.h"
#include "replication/wire.h"

namespace replication {
namespace {

bool is_name(std::string_view name) { return !name.empty() && name.size() <= node_name_bytes_max; }

}  // namespace

std::string encode_reach(const Reach& reach) {
  std::string body;
  const std::size_t count = std::min(reach.size(), reach_max);
  put_number(static_cast<std::uint16_t>(count), body);
  for (std::size_t at = 0; at < count; ++at) {
    put_number(reach[at].incarnation, body);
    put_short_text(reach[at].name, body);
  }
  return body;
}

std::optional<Reach> decode_reach(std::string_view body) {
  WireReader reader(body);
  std::size_t count = reader.number<std::uint16_t>();
  if (count > reach_max) return std::nullopt;
  Reach reach;
  for (; count > 0 && reader.ok(); --count) {
    NodeId id;
    id.incarnation = reader.number<std::uint64_t>();
    id.name = reader.short_text();
    // In order, so that it can be searched, and each node once.
    if (!is_name(id.name) || (!reach.empty() && reach.back().name >= id.name)) return std::nullopt;
    reach.push_back(std::move(id));
  }
  if (!reader.ok()) return std::nullopt;
  return reach;
}

std::string encode(const RelayRequest& request) {
  std::string body;
  put_number(request.tunnel, body);
  put_number(request.node.incarnation, body);
  put_short_text(request.node.name, body);
  return body;
}

std::optional<RelayRequest> decode_relay_request(std::string_view body) {
  WireReader reader(body);
  RelayRequest request;
  request.tunnel = reader.number<TunnelId>();
  request.node.incarnation = reader.number<std::uint64_t>();
  request.node.name = reader.short_text();
  if (!reader.ok() || !is_name(request.node.name)) return std::nullopt;
  return request;
}

void append_relay_data(const RelayData& data, std::string& out) {
  const std::size_t begin = begin_frame(FrameKind::relay_data, out);
  put_number(data.tunnel, out);
  out += data.bytes;
  end_frame(begin, out);
}

std::optional<RelayData> decode_relay_data(std::string_view body) {
  WireReader reader(body);
  RelayData data;
  data.tunnel = reader.number<TunnelId>();
  data.bytes = reader.rest();
  if (!reader.ok() || data.bytes.empty()) return std::nullopt;
  return data;
}

std::string encode(const RelayCredit& credit) {
  std::string body;
  put_number(credit.tunnel, body);
  put_number(credit.bytes, body);
  return body;
}

std::optional<RelayCredit> decode_relay_credit(std::string_view body) {
  WireReader reader(body);
  RelayCredit credit;
  credit.tunnel = reader.number<TunnelId>();
  credit.bytes = reader.number<std::uint32_t>();
  if (!reader.ok() || credit.bytes == 0) return std::nullopt;
  return credit;
}

std::string encode(const RelayClose& close) {
  std::string body;
  put_number(close.tunnel, body);
  put_number(close.why ? static_cast<std::uint16_t>(wire_code(close.why)) : std::uint16_t{0}, body);
  return body;
}

std::optional<RelayClose> decode_relay_close(std::string_view body) {
  WireReader reader(body);
  RelayClose close;
  close.tunnel = reader.number<TunnelId>();
  auto code = reader.bytes(2);
  if (!reader.ok()) return std::nullopt;
  if (code != std::string_view("\0\0", 2)) close.why = decode_refusal(code);
  return close;
}

}  // namespace replication
