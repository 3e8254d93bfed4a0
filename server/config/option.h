#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/config/config.h"
#include "server/config/quantity.h"

namespace server {

/// A configuration in the making: `[mysql]` has its defaults before it is known to be wanted.
struct Draft {
  Config config;
  MysqlConfig mysql;
};

/// A value as the file holds it; a flag is always a string.
using RawValue = std::variant<std::string, std::int64_t, bool, std::vector<std::string>>;

/// One key of the configuration: file, flags, help, `--print-config` and the reference all come
/// from this.
struct Option {
  std::string_view section;  ///< Empty for the top level.
  std::string_view key;
  std::string_view form;    ///< What kind of value: `duration`, `bytes`, …
  std::string_view effect;  ///< One line.
  bool is_path = false;     ///< Relative to the file that names it.

  /// Checks and stores a value, or says what is wrong with it.
  std::function<std::optional<Wrong>(Draft&, const RawValue&)> set;
  /// The value as TOML.
  std::function<std::string(const Draft&)> get;

  std::string name() const;   ///< `listen.c2s`
  std::string flag() const;   ///< `--listen-c2s`
  std::string title() const;  ///< `[listen] c2s`
};

/// A string as TOML.
std::string toml_string(std::string_view text);

}  // namespace server
