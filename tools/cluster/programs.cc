#include "tools/cluster/programs.h"

#include <system_error>

namespace cluster {

namespace fs = std::filesystem;

namespace {

fs::path find_program(const fs::path& folder, const std::string& name, const std::string& in_tree) {
  for (const fs::path& candidate : {folder / name, folder / ".." / ".." / in_tree / name}) {
    std::error_code error;
    if (fs::is_regular_file(candidate, error)) return candidate.lexically_normal();
  }
  return name;
}

}  // namespace

Programs find_programs(const fs::path& self) {
  const fs::path folder = self.parent_path();
  return {.meerkatd = find_program(folder, "meerkatd", "server"),
          .meerkatd_next = find_program(folder, "meerkatd_next", "server"),
          .meerkatctl = find_program(folder, "meerkatctl", "server/ctl")};
}

fs::path own_program() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error);
}

}  // namespace cluster
