#include "discovery/file_backend.h"

#include <cerrno>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>

namespace discovery {
namespace {

constexpr std::size_t file_bytes_max = 1024 * 1024;
constexpr std::size_t nodes_max = 1'000;

// A static list has no leases: what it names is there until it names it no more.
constexpr auto endless_lease = std::chrono::hours(24);

}  // namespace

FileBackend::FileBackend(std::filesystem::path path) : path_(std::move(path)) {}

Result<Reading> FileBackend::list() {
  std::ifstream file(path_, std::ios::binary);
  if (!file) {
    last_failure_ = path_.string() + ": " + std::generic_category().message(errno);
    return Errc::registry_unavailable;
  }
  std::string text(file_bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > file_bytes_max) {
    last_failure_ = path_.string() + ": longer than 1 MiB";
    return Errc::registry_full;
  }

  Reading reading;
  std::set<std::string> names;
  std::istringstream lines(std::move(text));
  std::size_t line_number = 0;
  const auto at_line = [&](const char* what) {
    last_failure_ = path_.string() + ":" + std::to_string(line_number) + ": " + what;
  };
  for (std::string line; std::getline(lines, line);) {
    ++line_number;
    std::istringstream words(line);
    NodeRow row;
    std::string rest;
    if (!(words >> row.name) || row.name.front() == '#') continue;
    const bool two_words = static_cast<bool>(words >> row.peer_address) && !(words >> rest);
    if (!two_words || !is_node_name(row.name) || !parse_host_port(row.peer_address)) {
      at_line("expected `name host:port`");
      return Errc::malformed;
    }
    if (!names.insert(row.name).second) {
      at_line("this name stands here twice");
      return Errc::malformed;
    }
    if (reading.nodes.size() == nodes_max) {
      at_line("more than 1,000 nodes");
      return Errc::registry_full;
    }
    row.number = static_cast<std::uint16_t>(reading.nodes.size() + 1);
    row.state = NodeState::ready;
    row.lease_remaining = endless_lease;
    reading.nodes.push_back(std::move(row));
  }
  return reading;
}

Result<Reading> FileBackend::read() {
  Result<Reading> reading = list();
  // The file does not tell one life of this node from another: that it is listed is all it says.
  if (reading && self_) (void)complete_own_row(*reading, *self_);
  return reading;
}

Result<Reading> FileBackend::renew(const NodeRow& self, std::chrono::milliseconds /*lease*/) {
  self_ = self;
  Result<Reading> reading = list();
  if (reading && !complete_own_row(*reading, self)) {
    last_failure_ = path_.string() + ": does not list " + self.name;
    return Errc::not_listed;
  }
  return reading;
}

Result<void> FileBackend::leave(const NodeRow& /*self*/) { return {}; }

}  // namespace discovery
