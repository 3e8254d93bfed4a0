#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "discovery/error.h"

namespace discovery {

/// The kinds of records that name nodes; the values are DNS's own (RFC 1035 §3.2.2, 3596, 2782).
enum class DnsType : std::uint16_t { a = 1, aaaa = 28, srv = 33 };

/// One record of the kind that was asked for.
struct DnsRecord {
  std::string
      host{};  ///< A, AAAA: the address, as RFC 5952 writes it. SRV: the target, in lower case.
  std::uint16_t port = 0;  ///< SRV.

  /// SRV: the target's address, if the message has it, as servers save their clients that question.
  std::string address{};
};

/// The records of `type` in the answer section of a DNS message, in its order; others, such as the
/// CNAMEs on the way, are left out, as is an SRV target of `.` (RFC 2782: no such service).
/// Errors: malformed.
Result<std::vector<DnsRecord>> parse_dns_answer(std::span<const std::uint8_t> message,
                                                DnsType type);

}  // namespace discovery
