#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace server {

/// Where a listener binds: a numeric address (IPv6 without brackets) and a port. Port 0 lets the
/// kernel choose; the log names the port it chose.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
};

/// `host:port`, with the brackets that an IPv6 address needs.
inline std::string to_string(const Endpoint& endpoint) {
  const bool is_ipv6 = endpoint.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" +
         std::to_string(endpoint.port);
}

}  // namespace server
