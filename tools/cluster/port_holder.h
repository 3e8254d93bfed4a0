#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace cluster {

/// The process that listens on a TCP port.
struct PortHolder {
  pid_t pid = 0;        // 0: somebody else's process, which this user may not look into.
  std::string command;  // Its program's name and arguments, shortened; empty with pid 0.
};

/// Who listens on `port` on any local address, IPv4 or IPv6; absent when nobody does.
/// `proc` is where procfs is mounted. Blocks for as long as reading every process's open files
/// takes, some milliseconds.
std::optional<PortHolder> find_port_holder(std::uint16_t port, const std::string& proc = "/proc");

}  // namespace cluster
