#pragma once

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/node_id.h"

namespace replication {

/// A tunnel on one link. The side that dialled the link gives odd numbers, the other even ones;
/// each goes upwards and none is given twice, so that a late frame is told from a wrong one.
using TunnelId = std::uint32_t;

/// What may be on its way in one direction of a tunnel, from the end that sends to the end that
/// takes: the most that a relay has to hold for it.
constexpr std::size_t relay_window_bytes = 256 * 1024;

/// The most lives that one `reach` frame names.
constexpr std::size_t reach_max = 1024;

/// The lives that a node has direct links with, ordered by name.
using Reach = std::vector<NodeId>;

/// The bodies of the frames that tunnels are made of (docs/protocol.md §9). What decodes to nothing
/// is malformed.
std::string encode_reach(const Reach& reach);
std::optional<Reach> decode_reach(std::string_view body);

/// Of `relay_open`, which names the node to reach, and of `relay_offer`, which names who asks.
struct RelayRequest {
  TunnelId tunnel = 0;
  NodeId node;
};
std::string encode(const RelayRequest& request);
std::optional<RelayRequest> decode_relay_request(std::string_view body);

struct RelayData {
  TunnelId tunnel = 0;
  std::string_view bytes;
};
void append_relay_data(const RelayData& data, std::string& out);  // The whole frame.
std::optional<RelayData> decode_relay_data(std::string_view body);

struct RelayCredit {
  TunnelId tunnel = 0;
  std::uint32_t bytes = 0;
};
std::string encode(const RelayCredit& credit);
std::optional<RelayCredit> decode_relay_credit(std::string_view body);

struct RelayClose {
  TunnelId tunnel = 0;
  boost::system::error_code why;  // Success: its end has said all.
};
std::string encode(const RelayClose& close);
std::optional<RelayClose> decode_relay_close(std::string_view body);

}  // namespace replication
