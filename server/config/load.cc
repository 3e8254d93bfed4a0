#include "server/config/load.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <tuple>

#include "server/config/sources.h"

namespace server {
namespace {

/// Files that a configuration names are looked for where it is, so that it works from anywhere.
void make_relative_to(const std::string& config_file, RawValue& value) {
  auto* path = std::get_if<std::string>(&value);
  if (!path || path->empty()) return;
  const std::filesystem::path folder = std::filesystem::path(config_file).parent_path();
  *path = (folder / *path).string();
}

void add_fault(const Given& given, const Option& option, const Wrong& wrong, ConfigFaults& faults) {
  ConfigFault fault = given.place;
  fault.message = option.title() + ": " + wrong.message;
  fault.fix = wrong.fix;
  faults.push_back(std::move(fault));
}

void apply(const GivenValues& given, Draft& draft, ConfigFaults& faults) {
  for (const Option& option : option_table()) {
    const auto at = given.find(option.name());
    if (at == given.end()) continue;
    std::optional<Wrong> wrong = option.set(draft, at->second.value);
    if (!wrong && option.name() == "mysql.url") wrong = split_mysql_url(draft.mysql);
    if (wrong) add_fault(at->second, option, *wrong, faults);
  }
}

/// The order of the file, then the flags.
bool comes_before(const ConfigFault& a, const ConfigFault& b) {
  return std::tuple(!a.flag.empty(), a.line, a.column) <
         std::tuple(!b.flag.empty(), b.line, b.column);
}

std::string origin_of(const ConfigFault& place) {
  return place.flag.empty() ? place.file + ":" + std::to_string(place.line) : place.flag;
}

}  // namespace

std::optional<std::string> environment_variable(const std::string& name) {
  if (const char* value = std::getenv(name.c_str())) return value;
  // Shells set HOSTNAME without exporting it.
  std::array<char, 256> host{};
  if (name == "HOSTNAME" && gethostname(host.data(), host.size() - 1) == 0) return host.data();
  return std::nullopt;
}

boost::system::result<LoadedConfig, ConfigFaults> load_config(
    const std::vector<std::string>& arguments, const Lookup& lookup) {
  CommandLine line = read_flags(arguments);
  LoadedConfig loaded;
  loaded.action = line.action;
  loaded.migrate = line.migrate;
  ConfigFaults faults = std::move(line.source.faults);
  const bool is_informative = line.action == Action::help || line.action == Action::version;
  if (is_informative && faults.empty()) return loaded;

  Source file;
  if (!line.config_file.empty()) file = read_toml(line.config_file, lookup);
  const bool is_file_whole = file.faults.empty();
  faults.insert(faults.end(), file.faults.begin(), file.faults.end());
  for (auto& [name, given] : file.values) {
    const auto at = std::find_if(option_table().begin(), option_table().end(),
                                 [&](const Option& option) { return option.name() == name; });
    if (at->is_path) make_relative_to(line.config_file, given.value);
  }
  GivenValues given = std::move(line.source.values);
  given.merge(file.values);  // Flags stay.

  Draft draft;
  if (!given.contains("node.name")) {
    const std::string name = lookup("HOSTNAME").value_or("meerkat");
    given.emplace("node.name", Given{name, {}});
  }
  apply(given, draft, faults);
  const bool names_file = !line.config_file.empty();
  if (names_file && is_file_whole && !given.contains("domains")) {
    ConfigFault fault;
    fault.file = line.config_file;
    fault.message = "domains is missing: the domains that this server serves";
    fault.fix = "domains = [\"example.org\"]";
    faults.push_back(std::move(fault));
  }
  // Also when single values are wrong: those that are right may contradict each other.
  check_together(draft, given, faults, loaded.warnings);
  if (!faults.empty()) {
    std::stable_sort(faults.begin(), faults.end(), comes_before);
    return faults;
  }

  for (const Option& option : option_table()) {
    const auto at = given.find(option.name());
    const bool is_default = at == given.end() || origin_of(at->second.place) == ":0";
    loaded.origins[option.name()] = is_default ? "default" : origin_of(at->second.place);
  }
  loaded.config = std::move(draft.config);
  if (!draft.mysql.url.empty()) loaded.config.mysql = std::move(draft.mysql);
  return loaded;
}

}  // namespace server
