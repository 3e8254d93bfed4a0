#pragma once

#include <boost/json/object.hpp>
#include <string>

namespace loadgen {

/// The charts of a report.json as HTML: all over one time axis, with the actions as bands and the
/// phases as marks.
std::string charts_html(const boost::json::object& report);

}  // namespace loadgen
