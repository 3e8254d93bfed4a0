#include "server/version.h"

namespace server {

const std::string_view version = "0.2.0";

}  // namespace server
