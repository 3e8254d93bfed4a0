#include "server/storage/error.h"

#include <array>
#include <string>

namespace server {
namespace {

class StorageCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "storage"; }

  std::string message(int value) const override {
    switch (static_cast<StorageErrc>(value)) {
      case StorageErrc::unavailable:
        return "the database cannot be reached in time";
      case StorageErrc::conflict:
        return "the account exists";
      case StorageErrc::no_such_user:
        return "the account does not exist";
      case StorageErrc::bad_key:
        return "the name cannot be stored";
      case StorageErrc::too_long:
        return "the name is longer than 1,023 bytes";
      case StorageErrc::bad_password:
        return "the password is empty, too long or has forbidden characters";
      case StorageErrc::busy:
        return "too many requests wait for the database";
      case StorageErrc::stopped:
        return "the store was stopped";
      case StorageErrc::access_denied:
        return "the database denies access";
      case StorageErrc::schema_outdated:
        return "the database's schema is older than this release";
      case StorageErrc::schema_unfit:
        return "the database's settings or tables are not as this release needs them";
      case StorageErrc::broken:
        return "the database answered with an error";
      case StorageErrc::not_found:
        return "there is no such thing";
    }
    return "unknown storage error";
  }
};

}  // namespace

const boost::system::error_category& storage_category() noexcept {
  static const StorageCategory category;
  return category;
}

std::span<const std::pair<StorageErrc, std::string_view>> storage_error_names() noexcept {
  static constexpr std::array<std::pair<StorageErrc, std::string_view>, 13> names = {{
      {StorageErrc::unavailable, "unavailable"},
      {StorageErrc::conflict, "conflict"},
      {StorageErrc::no_such_user, "no_such_user"},
      {StorageErrc::bad_key, "bad_key"},
      {StorageErrc::too_long, "too_long"},
      {StorageErrc::bad_password, "bad_password"},
      {StorageErrc::busy, "busy"},
      {StorageErrc::stopped, "stopped"},
      {StorageErrc::access_denied, "access_denied"},
      {StorageErrc::schema_outdated, "schema_outdated"},
      {StorageErrc::schema_unfit, "schema_unfit"},
      {StorageErrc::broken, "broken"},
      {StorageErrc::not_found, "not_found"},
  }};
  return names;
}

}  // namespace server
