#pragma once

#include <boost/system/result.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/config/config.h"
#include "server/config/fault.h"

namespace server {

/// What the command line asks of `meerkatd`.
enum class Action { serve, check_config, print_config, help, version };

/// `--migrate`: whether the database's schema is brought up to date at start.
enum class Migrate {
  automatic,  ///< `auto`: migrate, then serve
  only,       ///< migrate, then exit
  never,      ///< refuse to start on an older schema
};

/// Where a value came from: `default`, `meerkat.toml:14` or `--listen-c2s`.
using Origins = std::map<std::string, std::string>;

struct LoadedConfig {
  Config config;
  Action action = Action::serve;
  Migrate migrate = Migrate::automatic;
  Origins origins;                    ///< By key, as in `listen.c2s`.
  std::vector<std::string> warnings;  ///< Allowed, but weaker or stranger than most would want.

  /// `--print-config`: every value as TOML with its origin. Holds no secret: those live in files.
  std::string print() const;

  std::string mysql_url_origin() const;  ///< For messages such as `access denied … (url from …)`.
};

/// How a variable of the environment is looked up; tests pass their own.
using Lookup = std::function<std::optional<std::string>(const std::string& name)>;

/// The environment of the process; `HOSTNAME` falls back to the machine's name.
std::optional<std::string> environment_variable(const std::string& name);

/// Reads flags (without the program's name) and the file that `--config` names, and checks all of
/// it: every fault is found in one go. Flags win over the file, the file over the defaults.
/// Without `--config` there is no file: one node serves `localhost` on an embedded store.
/// Reads files, so it belongs to start-up and reload, not on a loop.
boost::system::result<LoadedConfig, ConfigFaults> load_config(
    const std::vector<std::string>& arguments, const Lookup& lookup = environment_variable);

/// `--help`: a line for each flag, with its default.
std::string config_help();

/// docs/configuration.md, which a test holds to this.
std::string config_reference();

constexpr int exit_bad_config = 78;  // sysexits.h EX_CONFIG

}  // namespace server
