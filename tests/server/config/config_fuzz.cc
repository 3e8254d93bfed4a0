// Whatever stands in the file: a configuration that prints as one with the same meaning, or faults
// that can be shown (hardening, Proof of the whole).

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include "server/config/load.h"

namespace server {
namespace {

/// A file in the working directory, so that paths in it mean the same as those of the defaults.
const std::string& file_name() {
  static const std::string name = [] {
    std::filesystem::current_path(std::filesystem::temp_directory_path());
    return "config_fuzz." + std::to_string(getpid());
  }();
  return name;
}

void require(bool condition, const std::string& what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

boost::system::result<LoadedConfig, ConfigFaults> loaded(std::string_view toml) {
  std::ofstream(file_name(), std::ios::binary) << toml;
  return load_config({"--config=" + file_name()},
                     [](const std::string&) { return std::optional<std::string>("here"); });
}

std::string values_of(const LoadedConfig& config) {
  std::string values;
  std::istringstream lines(config.print());
  for (std::string line; std::getline(lines, line);)
    values += line.substr(0, line.rfind("  # ")) + "\n";
  return values;
}

}  // namespace
}  // namespace server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace server;
  const auto config = loaded({reinterpret_cast<const char*>(data), size});
  if (config.has_error()) {
    require(!config.error().empty(), "a refusal without a fault");
    for (const ConfigFault& fault : config.error()) require(!fault.message.empty(), "no message");
    require(render(config.error()).ends_with("nothing started\n"), "faults without an end");
    return 0;
  }
  const std::string values = values_of(*config);
  const auto again = loaded(values);
  require(again.has_value(), values + (again.has_error() ? render(again.error()) : ""));
  require(values_of(*again) == values, values + "is not\n" + values_of(*again));
  return 0;
}
