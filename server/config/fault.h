#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace server {

/// One thing that is wrong in what the node was told, in the words that its user reads.
struct ConfigFault {
  std::string file;          ///< As given on the command line; empty for a flag.
  std::uint32_t line = 0;    ///< From 1; 0 for a flag and for a key that is missing.
  std::uint32_t column = 0;  ///< From 1, in characters.
  std::uint32_t width = 1;   ///< Characters underlined.
  std::string flag;          ///< `--listen-c2s`; empty for the file.
  std::string key;           ///< `[listen] c2s`; empty where the whole file or line is meant.
  std::string message;       ///< Says what is wrong; names the key where a key is meant.
  std::string fix;           ///< What to write instead; empty when `message` says it already.
  std::string excerpt;       ///< The line of the file that is shown above the fix.
};

using ConfigFaults = std::vector<ConfigFault>;

/// All of them as the user sees them on stderr, closed by `3 errors, nothing started`.
std::string render(const ConfigFaults& faults);

}  // namespace server
