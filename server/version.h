#pragma once

#include <string_view>

namespace server {

/// This build's release, such as "0.1.0". Two programs are linked from the same objects with
/// different ones, so that a cluster can be upgraded from one to the other.
extern const std::string_view version;

}  // namespace server
