#pragma once

#include <string>

namespace server {

/// docs/metrics.md, made from the list of definitions; a test holds the file to this.
std::string metrics_reference();

}  // namespace server
