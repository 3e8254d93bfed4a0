#include "tools/cluster/port_holder.h"

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

/// Adds the socket inodes that listen on `port`, from a table like /proc/net/tcp: its columns are
/// slot, local address:port in hex, remote, state, queues, timers, retransmits, uid, timeout,
/// inode.
void collect_listeners(const std::string& table, std::uint16_t port,
                       std::set<std::string>& inodes) {
  std::ifstream lines(table);
  std::string line;
  std::getline(lines, line);  // The heading.
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string slot, local, remote, state, skipped, inode;
    words >> slot >> local >> remote >> state;
    for (int column = 0; column < 5; ++column) words >> skipped;
    words >> inode;
    const auto colon = local.rfind(':');
    if (state != state_listen || colon == std::string::npos) continue;
    std::uint16_t found = 0;
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), found, 16);
    if (found == port) inodes.insert("socket:[" + inode + "]");
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

bool holds_any(const fs::path& process, const std::set<std::string>& inodes) {
  std::error_code error;
  for (fs::directory_iterator entry(process / "fd", error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code unreadable;
    const fs::path target = fs::read_symlink(entry->path(), unreadable);
    if (!unreadable && inodes.contains(target.string())) return true;
  }
  return false;
}

}  // namespace

std::optional<PortHolder> find_port_holder(std::uint16_t port, const std::string& proc) {
  std::set<std::string> inodes;
  collect_listeners(proc + "/net/tcp", port, inodes);
  collect_listeners(proc + "/net/tcp6", port, inodes);
  if (inodes.empty()) return std::nullopt;
  std::error_code error;
  for (fs::directory_iterator entry(proc, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    pid_t pid = 0;
    const auto [rest, code] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (code != std::errc() || rest != name.data() + name.size()) continue;
    if (holds_any(entry->path(), inodes)) return PortHolder{pid, command_of(entry->path())};
  }
  return PortHolder{};
}

}  // namespace cluster
