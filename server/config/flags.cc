#include "server/config/sources.h"
#include "server/config/suggest.h"

namespace server {
namespace {

const std::vector<std::string> own_flags = {"--config",  "--check-config", "--print-config",
                                            "--migrate", "--help",         "--version"};

const Option* option_of(const std::string& flag) {
  for (const Option& option : option_table()) {
    if (option.flag() == flag) return &option;
  }
  return nullptr;
}

ConfigFault fault_of(const std::string& flag, std::string message, std::string fix = "") {
  ConfigFault fault;
  fault.flag = flag;
  fault.message = std::move(message);
  fault.fix = std::move(fix);
  return fault;
}

ConfigFault unknown_flag(const std::string& flag) {
  if (!flag.starts_with("--")) {
    return fault_of(flag, "this is not a flag", "the file is named by --config=" + flag);
  }
  std::vector<std::string> names = own_flags;
  for (const Option& option : option_table()) names.push_back(option.flag());
  const std::string near = suggest(flag, names);
  const std::string hint = near.empty() ? "; see --help" : "; did you mean " + near + "?";
  return fault_of(flag, "unknown flag" + hint);
}

}  // namespace

CommandLine read_flags(const std::vector<std::string>& arguments) {
  CommandLine line;
  ConfigFaults& faults = line.source.faults;
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    const std::string flag = argument.substr(0, equals);
    const bool has_value = equals != std::string::npos;
    const std::string value = has_value ? argument.substr(equals + 1) : "";
    if (const Option* option = option_of(flag)) {
      const bool is_switch = !has_value && option->form == "boolean";
      if (!has_value && !is_switch) {
        faults.push_back(fault_of(flag, "needs a value", flag + "=…"));
        continue;
      }
      ConfigFault place = fault_of(flag, "");
      place.key = option->title();
      line.source.values.insert_or_assign(
          option->name(), Given{is_switch ? RawValue(true) : RawValue(value), std::move(place)});
    } else if (flag == "--config" && !value.empty()) {
      line.config_file = value;
    } else if (flag == "--config") {
      faults.push_back(fault_of(flag, "needs a file", "--config=meerkat.toml"));
    } else if (argument == "--check-config") {
      line.action = Action::check_config;
    } else if (argument == "--print-config") {
      line.action = Action::print_config;
    } else if (argument == "--help" || argument == "-h") {
      line.action = Action::help;
    } else if (argument == "--version") {
      line.action = Action::version;
    } else if (argument == "--migrate=auto") {
      line.migrate = Migrate::automatic;
    } else if (argument == "--migrate=only") {
      line.migrate = Migrate::only;
    } else if (argument == "--migrate=never") {
      line.migrate = Migrate::never;
    } else if (flag == "--migrate") {
      faults.push_back(fault_of(flag, "unknown value `" + value + "`", "one of auto, only, never"));
    } else {
      faults.push_back(unknown_flag(flag));
    }
  }
  return line;
}

}  // namespace server
