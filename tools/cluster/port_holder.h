#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
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

/// Which of `candidates` has the IPv4 connection from `local_port` to `remote_port`; absent when
/// none of them does. Blocks for as long as reading their open files takes.
std::optional<pid_t> find_connection_holder(std::uint16_t local_port, std::uint16_t remote_port,
                                            std::span<const pid_t> candidates,
                                            const std::string& proc = "/proc");

}  // namespace cluster
