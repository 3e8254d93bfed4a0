#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "server/storage/store_options.h"

namespace server {

struct CopiedTable {
  std::string name;
  std::uint64_t rows = 0;
};

/// What a target that holds something already means for a copy.
enum class CopyOnto { empty_only, anything };

/// Copies all that is stored in one database into another: from an embedded file to MySQL, or back.
/// Both are brought to this release's schema first. The target must be empty, or is emptied first
/// with CopyOnto::anything. When it returns an error, a sentence for a person, the target has
/// nothing of the source. No node may use either meanwhile: what it changes may be missed.
///
/// Blocks, as long as it takes; memory is bounded, however much is stored.
boost::system::result<std::vector<CopiedTable>, std::string> copy_store(const StorageOptions& from,
                                                                        const StorageOptions& to,
                                                                        CopyOnto onto);

}  // namespace server
