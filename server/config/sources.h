#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/config/fault.h"
#include "server/config/load.h"
#include "server/config/option_table.h"

namespace server {

/// A value that somebody wrote, and a fault that points at it (still without message and fix).
struct Given {
  RawValue value;
  ConfigFault place;
};

/// By the option's name, as in `listen.c2s`.
using GivenValues = std::map<std::string, Given>;

/// What one source says, and what is wrong in its form. Its values are not checked yet.
struct Source {
  GivenValues values;
  ConfigFaults faults;
};

/// Reads a TOML file. `${NAME}` in a string is replaced by the environment's value.
Source read_toml(const std::string& path, const Lookup& lookup);

/// The command line, apart from what it says about keys of the configuration.
struct CommandLine {
  Source source;
  Action action = Action::serve;
  Migrate migrate = Migrate::automatic;
  std::string config_file;  ///< Empty: none.
};

CommandLine read_flags(const std::vector<std::string>& arguments);

/// Replaces each `${NAME}`; `$${` stands for `${`.
Parsed<std::string> expand(const std::string& text, const Lookup& lookup);

/// Takes `draft.mysql.url` apart.
std::optional<Wrong> split_mysql_url(MysqlConfig& mysql);

/// How a value is referred to from elsewhere: `line 15`, `--mysql-lease` or `default`.
std::string referred(const GivenValues& given, const std::string& name);

/// Finds what no single value shows: values that contradict each other, files that are not there.
void check_together(const Draft& draft, const GivenValues& given, ConfigFaults& faults,
                    std::vector<std::string>& warnings);

}  // namespace server
