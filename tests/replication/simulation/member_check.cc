// What a member's readers see, held against the truth.

#include <set>

#include "replication/node_state.h"
#include "tests/replication/simulation/member.h"

namespace replication::simulation {

void Member::check() {
  if (!alive() || left()) return;
  check_bounds();
  for (std::size_t table = 0; table < kinds_.size(); ++table) {
    std::map<const Member*, std::map<Key, Value>> seen;
    texts_[table]->for_each([&](NodeRef owner, const Key& key, const Value& value) {
      const Member* member = of(owner);
      if (member != this && sights_[member].gone) {
        broken("shows ", kinds_[table].name, " ", name_of(key), " of ", member->name(),
               ", which is gone");
      }
      seen[member][key] = value;
    });
    if (texts_[table]->size(self_ref) != logs_[table].now().size()) {
      broken("has ", texts_[table]->size(self_ref), " own records in ", kinds_[table].name,
             " instead of ", logs_[table].now().size());
    }
    if (!kinds_[table].unique && seen[this] != logs_[table].now()) {
      broken("does not show its own records in ", kinds_[table].name);
    }
    for (const auto& [owner, sight] : sights_) {
      if (sight.gone) continue;
      check_replica(table, *owner);
      for (const auto& [key, watched] : watched_[table][owner]) {
        auto shown = seen[owner].find(key);
        bool same = shown == seen[owner].end() ? kinds_[table].unique || watched.value.serial == 0
                                               : shown->second == watched.value;
        if (!same) {
          broken("shows another ", kinds_[table].name, " ", name_of(key), " of ", owner->name(),
                 " than it told its watcher");
        }
      }
    }
  }
}

void Member::check_replica(std::size_t table, const Member& owner) {
  auto ref = node_->ref(owner.id());
  if (!ref) return;
  auto replica = node_->state().tables[table]->replica(*ref);
  if (!replica.complete) return;
  if (replica.applied > owner.logs_[table].head()) broken("is ahead of ", owner.name());
  auto& watched = watched_[table][&owner];
  std::set<Key> keys;
  for (const auto& [key, value] : watched) keys.insert(key);
  for (const auto& [key, value] : owner.logs_[table].now()) keys.insert(key);
  for (const Key& key : keys) {
    const Value value = watched[key].value;
    if (!owner.logs_[table].may_show(key, replica.applied, value)) {
      broken("holds #", value.serial, " at ", kinds_[table].name, " ", name_of(key), " of ",
             owner.name(), ", with its log up to ", replica.applied, " applied");
    }
  }
}

void Member::check_bounds() {
  for (const PeerStatus& peer : node_->peers()) {
    if (peer.backlog_bytes > options_.link_queue_bytes_max) {
      broken("queues ", peer.backlog_bytes, " bytes for ", peer.id.name);
    }
  }
}

std::string Member::not_settled() {
  if (!node_->joined()) return name_ + " has not joined";
  if (waits_ != 0) return name_ + " still waits for replication";
  for (const auto& other : truth_.members) {
    if (other.get() == this) continue;
    auto why = not_settled_with(*other);
    if (!why.empty()) return name_ + " and " + other->name() + ": " + why;
  }
  for (std::size_t table = 0; table < kinds_.size(); ++table) {
    auto why = table_not_settled(table);
    if (!why.empty()) return name_ + ": " + why;
  }
  return messages_not_settled();
}

std::string Member::not_settled_with(Member& other) {
  auto ref = node_->ref(other.id());
  if (!other.alive()) {
    if (!ref) return {};
    if (node_->alive(*ref)) return "it is gone, but is taken for alive";
    for (std::size_t table = 0; table < kinds_.size(); ++table) {
      for (const auto& [key, watched] : watched_[table][&other]) {
        if (watched.value.serial != 0) return "the watcher was not told of the end of a record";
      }
    }
    return {};
  }
  if (!ref) return "not met yet";
  if (!node_->reachable(*ref)) return "not reachable";
  for (const PeerStatus& peer : node_->peers()) {
    if (peer.id == other.id() && peer.state != PeerState::ready) return to_string(peer.state);
  }
  for (std::size_t table = 0; table < kinds_.size(); ++table) {
    if (texts_[table]->digest(*ref) != other.texts_[table]->digest(self_ref)) {
      return "not the same records in " + kinds_[table].name;
    }
    std::map<Key, Value> held;
    for (const auto& [key, watched] : watched_[table][&other]) {
      if (watched.value.serial != 0) held[key] = watched.value;
    }
    if (held != other.logs_[table].now()) return "not the records of " + kinds_[table].name;
  }
  return {};
}

std::string Member::messages_not_settled() const {
  for (std::size_t i = 0; i < truth_.messages.size(); ++i) {
    const Truth::Message& message = truth_.messages[i];
    if (message.from == this && message.delivered + message.returned == 0) {
      return name_ + ": message #" + std::to_string(i + 1) + " is neither delivered nor back";
    }
  }
  return {};
}

std::string Member::table_not_settled(std::size_t table) {
  std::map<Key, std::map<const Member*, Value>> expected, seen;
  for (const auto& owner : truth_.members) {
    if (!owner->alive()) continue;
    for (const auto& [key, value] : owner->logs_[table].now()) expected[key][owner.get()] = value;
  }
  texts_[table]->for_each(
      [&](NodeRef owner, const Key& key, const Value& value) { seen[key][of(owner)] = value; });
  if (kinds_[table].unique) {
    for (const auto& [key, owners] : expected) {
      if (owners.size() > 1) return "two owners still hold " + name_of(key);
    }
  }
  return seen == expected ? "" : "other records in " + kinds_[table].name;
}

}  // namespace replication::simulation
