#include "loadgen/machine_check.h"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>

#include "loadgen/quantity.h"

namespace loadgen {
namespace {

constexpr std::uint64_t files_beside = 64;  // Reports, probes, libraries.
// Measured: a client with its SSL object holds about 20 KiB, and 4 without; as much in the kernel.
constexpr std::uint64_t bytes_a_tls_session = 40 * 1024;
constexpr std::uint64_t bytes_a_session = 12 * 1024;

std::uint64_t memory_available() {
  std::ifstream info("/proc/meminfo");
  std::string word;
  std::uint64_t kib = 0;
  while (info >> word) {
    if (word == "MemAvailable:" && info >> kib) return kib * 1024;
  }
  return 0;
}

std::uint64_t source_ports() {
  std::ifstream range("/proc/sys/net/ipv4/ip_local_port_range");
  std::uint64_t low = 32768;
  std::uint64_t high = 60999;
  range >> low >> high;
  return high >= low ? high - low + 1 : 0;
}

}  // namespace

MachineCheck check_machine(const Needs& needs) {
  MachineCheck check;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  getrlimit(RLIMIT_NOFILE, &files);
  const auto files_wanted = needs.sessions + files_beside;
  if (files_wanted > files.rlim_cur) {
    check.faults.push_back(grouped(needs.sessions) + " sessions need " + grouped(files_wanted) +
                           " open files, and this process may have " + grouped(files.rlim_cur) +
                           ". Fix: ulimit -n " + std::to_string(files_wanted) +
                           " (as root beyond the hard limit), or --sessions=" +
                           std::to_string(files.rlim_cur - files_beside));
  }
  // A port of ours serves one connection for each address and port over there.
  const auto ports =
      source_ports() * std::max<std::uint64_t>(needs.source_addresses, 1) * needs.targets;
  if (needs.sessions > ports) {
    check.faults.push_back(grouped(needs.sessions) +
                           " sessions need as many source ports, and there are " + grouped(ports) +
                           ". Fix: --source-addresses=127.0.1.1-8, or sysctl -w " +
                           "net.ipv4.ip_local_port_range='1024 65535'");
  }
  const auto memory = needs.sessions * (needs.tls ? bytes_a_tls_session : bytes_a_session);
  const auto available = memory_available();
  if (available > 0 && memory > available) {
    check.faults.push_back(grouped(needs.sessions) + " sessions need about " +
                           grouped(memory >> 20) + " MiB here, and " + grouped(available >> 20) +
                           " MiB are free. Fix: fewer --sessions, or --tls=off");
  }
  check.summary = "needs " + grouped(files_wanted) + " open files of " + grouped(files.rlim_cur) +
                  ", " + grouped(needs.sessions) + " source ports of " + grouped(ports) +
                  ", about " + grouped(memory >> 20) + " MiB";
  return check;
}

}  // namespace loadgen
