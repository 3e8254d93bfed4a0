#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <span>
#include <string_view>
#include <utility>

namespace server {

/// What can go wrong between the server and its stored data.
enum class StorageErrc {
  unavailable = 1,  ///< Away, too slow or overloaded. A login then ends in temporary-auth-failure,
                    ///< never in not-authorized.
  conflict,         ///< The account exists.
  no_such_user,     ///< The account does not exist.
  bad_key,        ///< A name that cannot be stored: empty, not UTF-8, a NUL or a blank at its end.
  too_long,       ///< A name of more than 1,023 bytes.
  bad_password,   ///< Empty, too long or refused by SASLprep.
  busy,           ///< The queue of waiting jobs is full: refused at once.
  stopped,        ///< stop() was called.
  access_denied,  ///< The database refuses our user, or withholds a right.
  schema_outdated,  ///< The database's schema is older than this release, and migration is off.
  schema_unfit,     ///< A table is not as this release made it, e.g. its keys ignore case.
  broken,           ///< The database answered with an error of its own, or the file is damaged.
  not_found,        ///< What was named is not stored.
};

const boost::system::error_category& storage_category() noexcept;

inline boost::system::error_code make_error_code(StorageErrc code) noexcept {
  return {static_cast<int>(code), storage_category()};
}

/// Each code with its name, as metrics label it.
std::span<const std::pair<StorageErrc, std::string_view>> storage_error_names() noexcept;

template <class T>
using Result = boost::system::result<T>;

/// A failed `R`, some Result. Said in full, because an error_code also converts to bool, which
/// Result<bool> would take for a value.
template <class R>
R failure(boost::system::error_code error) {
  return R(boost::system::in_place_error, error);
}

}  // namespace server

template <>
struct boost::system::is_error_code_enum<server::StorageErrc> : std::true_type {};
