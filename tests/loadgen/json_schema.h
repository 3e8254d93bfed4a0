#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

namespace loadgen {

/// Holds `value` to `schema`, as far as our schema files go: type, const, enum, required,
/// properties, additionalProperties, items, and $ref into $defs. Gives each fault with its place;
/// a keyword that it does not know is a fault too, so that no rule is skipped in silence.
std::vector<std::string> schema_faults(const boost::json::value& value,
                                       const boost::json::value& schema);

}  // namespace loadgen
