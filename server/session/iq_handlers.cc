#include "server/session/iq_handlers.h"

#include <algorithm>
#include <utility>

namespace server {

void IqHandlers::handle(IqTarget target, std::string type, std::string ns, std::string name,
                        Handler handler) {
  handlers_.insert_or_assign(Key(target, std::move(type), std::move(ns), std::move(name)),
                             std::move(handler));
}

void IqHandlers::add_feature(IqTarget target, std::string ns) {
  auto& features = features_[target];
  if (std::find(features.begin(), features.end(), ns) == features.end()) {
    features.push_back(std::move(ns));
  }
}

void IqHandlers::add_identity(IqTarget target, DiscoIdentity identity) {
  identities_[target].push_back(std::move(identity));
}

const IqHandlers::Handler* IqHandlers::find(IqTarget target, std::string_view type,
                                            std::string_view ns, std::string_view name) const {
  const auto found =
      handlers_.find(std::tuple<IqTarget, std::string_view, std::string_view, std::string_view>(
          target, type, ns, name));
  return found == handlers_.end() ? nullptr : &found->second;
}

const std::vector<std::string>& IqHandlers::features(IqTarget target) const {
  static const std::vector<std::string> none;
  const auto found = features_.find(target);
  return found == features_.end() ? none : found->second;
}

const std::vector<DiscoIdentity>& IqHandlers::identities(IqTarget target) const {
  static const std::vector<DiscoIdentity> none;
  const auto found = identities_.find(target);
  return found == identities_.end() ? none : found->second;
}

}  // namespace server
