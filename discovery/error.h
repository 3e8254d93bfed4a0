#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace discovery {

/// What can go wrong between a node and the registry.
enum class Errc {
  registry_unavailable = 1,  ///< The database, file or DNS cannot be reached or read in time.
  access_denied,             ///< The database refuses this user, or lets it not do its work.
  registry_broken,           ///< The database answered, but with an error of its own.
  name_taken,                ///< Another live node holds this node's name.
  registry_full,             ///< No node number is free, or the file names too many nodes.
  not_listed,                ///< The file, or DNS, does not name this node.
  malformed,                 ///< The file has a line that names no node; DNS sent no DNS message.
  bad_self,                  ///< This node's own name, address or version is not allowed.
};

const boost::system::error_category& discovery_category() noexcept;

inline boost::system::error_code make_error_code(Errc code) noexcept {
  return {static_cast<int>(code), discovery_category()};
}

template <class T>
using Result = boost::system::result<T>;

}  // namespace discovery

template <>
struct boost::system::is_error_code_enum<discovery::Errc> : std::true_type {};
