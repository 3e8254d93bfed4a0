#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "discovery/dns_answer.h"
#include "discovery/error.h"

namespace discovery {

/// Asks DNS by libc's resolver: its servers, search list and options are those of
/// /etc/resolv.conf, read anew for each question. Nothing is kept between questions.
///
/// Threads: one at a time.
class DnsResolver {
 public:
  /// `server` is an IPv4 address and port to ask instead; empty: those of /etc/resolv.conf.
  /// `timeout` is for the first try at a server, in whole seconds; the second takes up to twice it.
  DnsResolver(std::string server, std::chrono::milliseconds timeout);

  /// The records of `name`, which need not exist: then there are none. Blocks for up to three
  /// timeouts with one server, six with three.
  /// Errors: registry_unavailable (no answer, or a server that failed), malformed.
  Result<std::vector<DnsRecord>> ask(const std::string& name, DnsType type);

  /// Why the last question failed, for people.
  [[nodiscard]] const std::string& last_failure() const { return last_failure_; }

 private:
  std::string server_;
  int timeout_seconds_;
  std::string last_failure_;
};

}  // namespace discovery
