#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace server {

/// The candidate that `word` was most likely meant to be; empty if none is near: within a third of
/// its length, counting insertions, deletions, replacements and swaps of neighbours.
std::string suggest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace server
