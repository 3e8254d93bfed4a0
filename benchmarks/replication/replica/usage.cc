#include "benchmarks/replication/replica/usage.h"

#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <string>

namespace benchmarks {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

Usage usage() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  Usage result;
  result.cpu_seconds = seconds(used.ru_utime) + seconds(used.ru_stime);
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) result.rss = 1024 * std::stoull(line.substr(6));
    if (line.starts_with("VmHWM:")) result.rss_peak = 1024 * std::stoull(line.substr(6));
  }
  return result;
}

bool reset_rss_peak() {
  std::ofstream file("/proc/self/clear_refs");
  file << '5' << std::flush;  // proc(5): resets VmHWM.
  return file.good();
}

std::uint64_t monotonic_us() {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

std::uint64_t preemptions() {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  return static_cast<std::uint64_t>(used.ru_nivcsw);
}

}  // namespace benchmarks
