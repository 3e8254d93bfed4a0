// Whatever a DNS server sends is an answer with sound records, or malformed (hardening K7).

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "discovery/dns_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using discovery::DnsType;
  for (const DnsType type : {DnsType::a, DnsType::aaaa, DnsType::srv}) {
    const auto records = discovery::parse_dns_answer(std::span(data, size), type);
    if (records.has_error()) continue;
    for (const discovery::DnsRecord& record : *records) {
      // RFC 1035 §3.1: 255 bytes on the wire; each may take four characters of text.
      if (record.host.empty() || record.host.size() > 1'024) {
        std::fprintf(stderr, "a host of %zu bytes\n", record.host.size());
        std::abort();
      }
    }
    // A record takes at least 11 bytes, so their number is bounded by the message's size.
    if (records->size() > size / 11) std::abort();
  }
  return 0;
}
