#include "loadgen/target.h"

#include <algorithm>

namespace loadgen {

void TargetList::replace(const std::vector<TargetSpec>& specs) {
  const std::lock_guard lock(mutex_);
  std::vector<bool> named(targets_.size(), false);
  for (const TargetSpec& spec : specs) {
    const auto known = std::find_if(targets_.begin(), targets_.end(), [&](const auto& target) {
      return target->name == spec.name && target->endpoint.text == spec.endpoint.text;
    });
    if (known != targets_.end()) {
      const auto index = static_cast<std::size_t>(known - targets_.begin());
      if (index < named.size()) named[index] = true;
      // A node that comes back is tried at once, whatever it refused while it was away.
      if (spec.accepts && !(*known)->accepts.load()) (*known)->avoid_until = 0;
      (*known)->accepts = spec.accepts;
      continue;
    }
    auto target = std::make_shared<Target>();
    target->name = spec.name;
    target->endpoint = spec.endpoint;
    target->index = targets_.size();
    target->accepts = spec.accepts;
    targets_.push_back(std::move(target));
  }
  for (std::size_t i = 0; i < named.size(); ++i) {
    if (!named[i]) targets_[i]->accepts = false;
  }
}

std::shared_ptr<Target> TargetList::choose(Micros now) { return choose_or(nullptr, now); }

std::shared_ptr<Target> TargetList::choose_or(const std::shared_ptr<Target>& wished, Micros now) {
  const std::lock_guard lock(mutex_);
  const auto takes = [&](const Target& target) {
    return target.accepts.load() && target.avoid_until.load() <= now.count();
  };
  std::shared_ptr<Target> best;
  if (wished && takes(*wished)) {
    best = wished;
  } else {
    for (const auto& target : targets_) {
      if (!takes(*target)) continue;
      if (!best || target->clients.load() < best->clients.load()) best = target;
    }
  }
  if (best) ++best->clients;
  return best;
}

std::shared_ptr<Target> TargetList::find(const std::string& host_port) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(targets_.begin(), targets_.end(), [&](const auto& target) {
    return target->endpoint.text == host_port || target->name == host_port;
  });
  return found == targets_.end() ? nullptr : *found;
}

std::vector<std::shared_ptr<Target>> TargetList::all() {
  const std::lock_guard lock(mutex_);
  return targets_;
}

}  // namespace loadgen
