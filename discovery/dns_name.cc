#include "discovery/dns_name.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>

namespace discovery {

bool is_dns_service(std::string_view name) { return name.starts_with('_'); }

std::string dns_node_name(const std::string& address) {
  in6_addr bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, address.c_str(), &bytes) != 1) continue;
    inet_ntop(family, &bytes, text.data(), text.size());
    std::string name(text.data());
    std::ranges::replace(name, ':', '-');
    return name;
  }
  return {};
}

bool is_dns_node_name(const std::string& name) {
  std::string address = name;
  std::ranges::replace(address, '-', ':');
  return !name.empty() && dns_node_name(address) == name;
}

}  // namespace discovery
