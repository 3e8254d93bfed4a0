#pragma once

#include <cstdint>
#include <string>

#include "tools/cluster/fault.h"

namespace cluster {

/// SQL that makes the accounts `prefix`0 to `prefix`(count - 1) of `domain`, all with one password,
/// straight in the nodes' table of users (server/storage/schema.h). They share one salt, so their
/// keys are derived once and not once each: 20,000 accounts take a second and not ten minutes.
/// That is for load on this machine; real accounts are made by `meerkatctl user add`.
/// An account that is there already gets the password. Errors: OpenSSL refused.
Result<std::string> accounts_script(const std::string& domain, const std::string& prefix,
                                    std::uint64_t count, const std::string& password);

}  // namespace cluster
