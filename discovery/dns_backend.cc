#include "discovery/dns_backend.h"

#include <charconv>
#include <map>
#include <string_view>
#include <utility>

#include "discovery/dns_name.h"

namespace discovery {
namespace {

constexpr std::size_t nodes_max = 1'000;  // Records only suggest (K7).

// Records have no leases: what they name is there until they name it no more.
constexpr auto endless_lease = std::chrono::hours(24);

// The ordinal of a StatefulSet's pod plus one, as numbers begin with 1; 0: it has none.
std::uint16_t number_of(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return 0;
  const std::string_view digits = name.substr(dash + 1);
  std::uint16_t ordinal = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ordinal);
  if (error != std::errc() || end != digits.data() + digits.size() || ordinal == 65'535) return 0;
  return static_cast<std::uint16_t>(ordinal + 1);
}

std::string place(const std::string& host, std::uint16_t port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

NodeRow service_row(const DnsRecord& record) {
  NodeRow row;
  row.name = record.host.substr(0, record.host.find('.'));
  row.number = number_of(row.name);
  row.peer_address = place(record.address.empty() ? record.host : record.address, record.port);
  return row;
}

NodeRow address_row(const DnsRecord& record, std::uint16_t port) {
  NodeRow row;
  row.name = dns_node_name(record.host);
  row.peer_address = place(record.host, port);
  return row;
}

}  // namespace

DnsBackend::DnsBackend(DnsOptions options)
    : options_(std::move(options)), resolver_(options_.server, options_.timeout) {}

Result<std::vector<DnsRecord>> DnsBackend::ask(DnsType type) {
  auto records = resolver_.ask(options_.name, type);
  if (records.has_error()) last_failure_ = resolver_.last_failure();
  return records;
}

Result<Reading> DnsBackend::list() {
  const bool is_service = is_dns_service(options_.name);
  auto records = ask(is_service ? DnsType::srv : DnsType::a);
  if (records && records->empty() && !is_service) records = ask(DnsType::aaaa);
  if (records.has_error()) return records.error();

  // In order of the rows' names, as the order of records means nothing and changes.
  std::map<std::string, NodeRow> rows;
  std::map<std::uint16_t, int> holders;
  Reading reading;
  for (const DnsRecord& record : *records) {
    NodeRow row = is_service ? service_row(record) : address_row(record, options_.port);
    row.state = NodeState::ready;
    row.lease_remaining = endless_lease;
    if (!is_node_name(row.name) || !parse_host_port(row.peer_address)) {
      ++reading.rows_ignored;
      continue;
    }
    const auto other = rows.find(row.name);
    if (other == rows.end() && rows.size() < nodes_max) {
      rows.emplace(row.name, row);
    } else if (other == rows.end()) {
      ++reading.rows_ignored;
    } else if (row.peer_address != other->second.peer_address) {
      ++reading.rows_ignored;  // Two nodes with one name: all take the same of them for it.
      if (row.peer_address < other->second.peer_address) other->second = std::move(row);
    }
  }
  for (const auto& [name, row] : rows) ++holders[row.number];
  for (auto& [name, row] : rows) {
    if (holders[row.number] > 1) row.number = 0;  // Of two StatefulSets: nobody's.
    reading.nodes.push_back(std::move(row));
  }
  return reading;
}

Result<Reading> DnsBackend::read() {
  Result<Reading> reading = list();
  if (reading && self_) (void)complete_own_row(*reading, *self_);
  return reading;
}

Result<Reading> DnsBackend::renew(const NodeRow& self, std::chrono::milliseconds /*lease*/) {
  self_ = self;
  Result<Reading> reading = list();
  if (reading && !complete_own_row(*reading, self)) {
    last_failure_ = options_.name + " has no records";
    if (!reading->nodes.empty()) {
      last_failure_ = options_.name + " lists " + std::to_string(reading->nodes.size()) +
                      " nodes, the first as " + reading->nodes.front().name + ", but no " +
                      self.name;
    }
    return Errc::not_listed;
  }
  return reading;
}

Result<void> DnsBackend::leave(const NodeRow& /*self*/) { return {}; }

}  // namespace discovery
