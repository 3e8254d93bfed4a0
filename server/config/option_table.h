#pragma once

#include <string_view>
#include <vector>

#include "server/config/option.h"

namespace server {

/// All options, in the order of the sample file.
const std::vector<Option>& option_table();

/// The option of that name; nullptr if there is none.
const Option* find_option(std::string_view section, std::string_view key);

}  // namespace server
