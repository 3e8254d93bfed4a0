#pragma once

#include <boost/json/object.hpp>

#include "server/admin/control.h"

namespace server {

/// The shapes of docs/http.md: seconds as numbers, `null` for what the node cannot know.
boost::json::object to_json(const ClusterStatus& status);
boost::json::object to_json(const NodeEvent& event);

}  // namespace server
