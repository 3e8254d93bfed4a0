#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "discovery/backend.h"
#include "discovery/dns_resolver.h"

namespace discovery {

struct DnsOptions {
  /// A name with SRV records if it begins with `_`
  /// (`_peers._tcp.meerkat.default.svc.cluster.local`), else one with addresses, as a headless
  /// service of Kubernetes has both.
  std::string name{};

  std::uint16_t port = 5290;  ///< That peers listen on, where the records are mere addresses.

  /// An IPv4 address and port to ask instead of the servers of /etc/resolv.conf.
  std::string server{};

  std::chrono::milliseconds timeout{1'000};  ///< See DnsResolver.
};

/// The registry as records that an orchestrator keeps in DNS.
///
/// - SRV: a node is called as the first label of its target in lower case, and dialled at the
///   record's port and the target's address, which servers send along; else at the target's name.
/// - A, or AAAA where there is no A: a node is called by its address (see dns_node_name) and
///   dialled there. Never both, as a machine with two addresses is one node.
///
/// DNS says no more than that. It gives no incarnation, version or protocol range: a link's hello
/// does. Nobody is given a number; that of a name such as `meerkat-4` is its ordinal plus one, else
/// none. There are no leases: who is listed is a peer, and who is there the links tell. Records are
/// asked for at every turn and nothing is kept, whatever their TTL says; a cache on the way
/// (CoreDNS: 5 s) delays news by its time.
///
/// A name that is unknown or has no records is an answer that does not list this node; see
/// Errc::not_listed, which changes nothing.
/// Design: docs/design/0006-discovery.md
class DnsBackend final : public Backend {
 public:
  explicit DnsBackend(DnsOptions options);

  /// Errors: not_listed, registry_unavailable, malformed. `lease` is ignored.
  Result<Reading> renew(const NodeRow& self, std::chrono::milliseconds lease) override;
  Result<Reading> read() override;
  Result<void> leave(const NodeRow& self) override;  // Does nothing: the records are not ours.
  [[nodiscard]] std::string last_failure() const override { return last_failure_; }

 private:
  Result<Reading> list();
  Result<std::vector<DnsRecord>> ask(DnsType type);

  DnsOptions options_;
  DnsResolver resolver_;
  std::optional<NodeRow> self_;  // As last given to renew().
  std::string last_failure_;
};

}  // namespace discovery
