#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "server/config/load.h"
#include "tests/server/config/config_folder.h"

namespace server {

/// The environment of the tests.
inline std::optional<std::string> test_environment(const std::string& name) {
  if (name == "HOSTNAME") return "pod-7";
  if (name == "DOMAIN") return "example.net";
  return std::nullopt;
}

/// What the user sees when the server is started on this file; empty if it would start.
inline std::string faults_of(const std::string& toml, std::vector<std::string> flags = {}) {
  const ConfigFolder folder;
  folder.write("meerkat.toml", toml);
  flags.push_back("--config=meerkat.toml");
  const auto loaded = load_config(flags, test_environment);
  return loaded.has_error() ? render(loaded.error()) : "";
}

/// The configuration that the file and the flags make.
inline LoadedConfig loaded(const std::string& toml, std::vector<std::string> flags = {}) {
  const ConfigFolder folder;
  folder.write("meerkat.toml", toml);
  flags.push_back("--config=meerkat.toml");
  auto result = load_config(flags, test_environment);
  EXPECT_TRUE(result.has_value()) << render(result.error());
  return result.has_value() ? *result : LoadedConfig();
}

}  // namespace server
