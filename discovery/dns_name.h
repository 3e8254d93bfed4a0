#pragma once

#include <string>
#include <string_view>

namespace discovery {

/// Whether a name has SRV records: its first label begins with `_` (RFC 2782).
bool is_dns_service(std::string_view name);

/// What a node at an address is called: `10.1.2.3`; an IPv6 address in its shortest form with `-`
/// for each `:`, as `fd00--7`. Empty: `address` is none.
std::string dns_node_name(const std::string& address);

/// Whether dns_node_name() gives `name` for some address.
bool is_dns_node_name(const std::string& name);

}  // namespace discovery
