#include "server/config/option.h"

#include <algorithm>
#include <cstdio>

namespace server {

std::string Option::name() const {
  return section.empty() ? std::string(key) : std::string(section) + "." + std::string(key);
}

std::string Option::flag() const {
  std::string flag = "--" + name();
  std::replace_if(
      flag.begin(), flag.end(), [](char c) { return c == '.' || c == '_'; }, '-');
  return flag;
}

std::string Option::title() const {
  return section.empty() ? std::string(key) : "[" + std::string(section) + "] " + std::string(key);
}

std::string toml_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {  // TOML 1.0, Basic strings.
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04X", byte);
      quoted += escape;
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace server
