#include "discovery/error.h"

#include <string>

namespace discovery {
namespace {

class DiscoveryCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "discovery"; }

  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::registry_unavailable:
        return "the registry cannot be reached";
      case Errc::access_denied:
        return "the registry denies access";
      case Errc::registry_broken:
        return "the registry answered with an error";
      case Errc::name_taken:
        return "another live node has this name";
      case Errc::registry_full:
        return "the registry has no room for another node";
      case Errc::not_listed:
        return "the registry does not list this node";
      case Errc::malformed:
        return "the registry cannot be understood";
      case Errc::bad_self:
        return "this node's name, address or version is not allowed";
    }
    return "unknown discovery error";
  }
};

}  // namespace

const boost::system::error_category& discovery_category() noexcept {
  static const DiscoveryCategory category;
  return category;
}

}  // namespace discovery
