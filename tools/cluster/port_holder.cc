#include "tools/cluster/port_holder.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>

namespace cluster {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view state_listen = "0A";
constexpr std::size_t command_chars_max = 80;

/// A line of a table like /proc/net/tcp: its columns are slot, local address:port in hex, remote,
/// state, queues, timers, retransmits, uid, timeout, inode.
struct Socket {
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::string state;
  std::string link;  // What a file descriptor of it points to.
};

std::uint16_t port_of(const std::string& address) {
  const auto colon = address.rfind(':');
  std::uint16_t port = 0;
  if (colon == std::string::npos) return port;
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port, 16);
  return port;
}

template <class Wanted>
void collect_sockets(const std::string& table, const Wanted& wanted, std::set<std::string>& links) {
  std::ifstream lines(table);
  std::string line;
  std::getline(lines, line);  // The heading.
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    Socket socket;
    std::string slot, local, remote, skipped, inode;
    words >> slot >> local >> remote >> socket.state;
    for (int column = 0; column < 5; ++column) words >> skipped;
    words >> inode;
    socket.local_port = port_of(local);
    socket.remote_port = port_of(remote);
    if (wanted(socket)) links.insert("socket:[" + inode + "]");
  }
}

std::string command_of(const fs::path& process) {
  std::ifstream file(process / "cmdline", std::ios::binary);
  std::string command((std::istreambuf_iterator<char>(file)), {});
  while (!command.empty() && command.back() == '\0') command.pop_back();
  // The program's name tells more than the folders before it.
  const auto program_end = command.find('\0');
  const auto folder_end = command.rfind('/', program_end);
  if (folder_end != std::string::npos) command.erase(0, folder_end + 1);
  for (char& c : command) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  if (command.size() > command_chars_max) command = command.substr(0, command_chars_max) + "…";
  return command;
}

bool holds_any(const fs::path& process, const std::set<std::string>& links) {
  std::error_code error;
  for (fs::directory_iterator entry(process / "fd", error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code unreadable;
    const fs::path target = fs::read_symlink(entry->path(), unreadable);
    if (!unreadable && links.contains(target.string())) return true;
  }
  return false;
}

}  // namespace

std::optional<PortHolder> find_port_holder(std::uint16_t port, const std::string& proc) {
  const auto listens = [port](const Socket& socket) {
    return socket.state == state_listen && socket.local_port == port;
  };
  std::set<std::string> links;
  collect_sockets(proc + "/net/tcp", listens, links);
  collect_sockets(proc + "/net/tcp6", listens, links);
  if (links.empty()) return std::nullopt;
  std::error_code error;
  for (fs::directory_iterator entry(proc, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    pid_t pid = 0;
    const auto [rest, code] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (code != std::errc() || rest != name.data() + name.size()) continue;
    if (holds_any(entry->path(), links)) return PortHolder{pid, command_of(entry->path())};
  }
  return PortHolder{};
}

std::optional<pid_t> find_connection_holder(std::uint16_t local_port, std::uint16_t remote_port,
                                            std::span<const pid_t> candidates,
                                            const std::string& proc) {
  std::set<std::string> links;
  collect_sockets(
      proc + "/net/tcp",
      [&](const Socket& socket) {
        return socket.local_port == local_port && socket.remote_port == remote_port;
      },
      links);
  const auto holder = std::find_if(candidates.begin(), candidates.end(), [&](pid_t pid) {
    return holds_any(fs::path(proc) / std::to_string(pid), links);
  });
  if (links.empty() || holder == candidates.end()) return std::nullopt;
  return *holder;
}

}  // namespace cluster
