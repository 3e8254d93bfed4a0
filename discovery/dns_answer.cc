#include "discovery/dns_answer.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>

#include <array>
#include <map>
#include <optional>
#include <utility>

namespace discovery {
namespace {

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::optional<DnsRecord> address(const ns_rr& record, int family, std::size_t bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (ns_rr_rdlen(record) != bytes ||
      inet_ntop(family, ns_rr_rdata(record), text.data(), text.size()) == nullptr) {
    return std::nullopt;
  }
  return DnsRecord{.host = text.data()};
}

// RFC 2782: priority, weight and port, 16 bits each, then the target. All nodes are equal here.
std::optional<DnsRecord> service(ns_msg& message, const ns_rr& record) {
  constexpr std::size_t port_at = 4;
  constexpr std::size_t target_at = 6;
  if (ns_rr_rdlen(record) <= target_at) return std::nullopt;
  std::array<char, NS_MAXDNAME> target{};
  const std::uint8_t* const data = ns_rr_rdata(record);
  const int used = dn_expand(ns_msg_base(message), ns_msg_end(message), data + target_at,
                             target.data(), static_cast<int>(target.size()));
  if (used < 0 || static_cast<std::size_t>(used) + target_at != ns_rr_rdlen(record)) {
    return std::nullopt;
  }
  return DnsRecord{.host = lower(target.data()),
                   .port = static_cast<std::uint16_t>(ns_get16(data + port_at))};
}

std::optional<DnsRecord> parse(ns_msg& message, const ns_rr& record) {
  switch (static_cast<DnsType>(ns_rr_type(record))) {
    case DnsType::a:
      return address(record, AF_INET, sizeof(in_addr));
    case DnsType::aaaa:
      return address(record, AF_INET6, sizeof(in6_addr));
    case DnsType::srv:
      return service(message, record);
  }
  return std::nullopt;
}

// From the additional section. An IPv4 address is preferred; which of several does not matter.
bool add_addresses(ns_msg& message, std::vector<DnsRecord>& services) {
  std::map<std::string, std::string> addresses;  // By names in lower case.
  for (int at = 0; at < ns_msg_count(message, ns_s_ar); ++at) {
    ns_rr record;
    if (ns_parserr(&message, ns_s_ar, at, &record) != 0) return false;
    const auto type = static_cast<DnsType>(ns_rr_type(record));
    if (type != DnsType::a && type != DnsType::aaaa) continue;
    const std::optional<DnsRecord> found = parse(message, record);
    if (!found) return false;
    const std::string owner = lower(ns_rr_name(record));
    if (type == DnsType::a) addresses[owner] = found->host;
    addresses.try_emplace(owner, found->host);
  }
  for (DnsRecord& service : services) {
    const auto at = addresses.find(service.host);
    if (at != addresses.end()) service.address = at->second;
  }
  return true;
}

}  // namespace

Result<std::vector<DnsRecord>> parse_dns_answer(std::span<const std::uint8_t> message,
                                                DnsType type) {
  ns_msg parsed;
  if (message.size() > NS_MAXMSG ||
      ns_initparse(message.data(), static_cast<int>(message.size()), &parsed) != 0) {
    return Errc::malformed;
  }
  std::vector<DnsRecord> records;
  for (int at = 0; at < ns_msg_count(parsed, ns_s_an); ++at) {
    ns_rr record;
    if (ns_parserr(&parsed, ns_s_an, at, &record) != 0) return Errc::malformed;
    if (ns_rr_class(record) != ns_c_in) continue;
    if (ns_rr_type(record) != static_cast<std::uint16_t>(type)) continue;
    std::optional<DnsRecord> found = parse(parsed, record);
    if (!found) return Errc::malformed;
    if (!found->host.empty() && found->host != ".") records.push_back(*std::move(found));
  }
  if (type == DnsType::srv && !add_addresses(parsed, records)) return Errc::malformed;
  return records;
}

}  // namespace discovery
