#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace loadgen {

/// What a run takes from this machine.
struct Needs {
  std::uint64_t sessions = 0;
  std::uint64_t targets = 1;
  std::uint64_t source_addresses = 0;  // 0: the kernel picks.
  bool tls = true;
};

struct MachineCheck {
  std::string summary;              // What it needs, in one line.
  std::vector<std::string> faults;  // What the machine lacks, each with the fix.
};

/// Raises the soft limit of open files as far as the hard one allows, then compares.
MachineCheck check_machine(const Needs& needs);

}  // namespace loadgen
