#include "server/metrics/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace server {
namespace {

/// Unix time of the machine's start.
double boot_time() {
  std::ifstream stat("/proc/stat");
  for (std::string word; stat >> word;) {
    double value = 0;
    if (word == "btime" && stat >> value) return value;
  }
  return 0;
}

}  // namespace

ProcessUsage process_usage() {
  ProcessUsage usage;
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  // proc(5): the name in brackets may hold spaces, so fields are counted from its end; the first
  // after it is number 3.
  const std::size_t name_end = line.rfind(')');
  if (name_end != std::string::npos) {
    std::istringstream fields(line.substr(name_end + 1));
    const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    std::string field;
    for (int number = 3; number <= 24 && fields >> field; ++number) {
      const double value = number == 3 ? 0 : std::stod(field);
      if (number == 20) usage.threads = static_cast<std::uint64_t>(value);
      if (number == 22) usage.start_time = boot_time() + value / ticks;
      if (number == 23) usage.virtual_bytes = static_cast<std::uint64_t>(value);
      if (number == 24) {
        usage.resident_bytes =
            static_cast<std::uint64_t>(value) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
      }
    }
  }
  // /proc counts in ticks of 10 ms, getrusage(2) in microseconds.
  rusage used{};
  if (getrusage(RUSAGE_SELF, &used) == 0) {
    for (const timeval& part : {used.ru_utime, used.ru_stime}) {
      usage.cpu_seconds +=
          static_cast<double>(part.tv_sec) + static_cast<double>(part.tv_usec) / 1e6;
    }
  }
  std::error_code error;
  for (std::filesystem::directory_iterator fd("/proc/self/fd", error), end; !error && fd != end;
       fd.increment(error)) {
    ++usage.open_fds;
  }
  if (usage.open_fds > 0) --usage.open_fds;  // The one that reads the folder.
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.max_fds = limit.rlim_cur;
  return usage;
}

}  // namespace server
