#include "tests/replication/simulation/member.h"

#include <algorithm>
#include <utility>

#include "replication/mesh.h"
#include "replication/node_state.h"
#include "replication/wire.h"
#include "tests/replication/simulation/simulated_environment.h"

namespace replication::simulation {

Member* Truth::find(const NodeId& id) const {
  auto found = std::find_if(members.begin(), members.end(),
                            [&](const auto& member) { return member->id() == id; });
  return found == members.end() ? nullptr : found->get();
}

Member::Member(Truth& truth, Network& network, std::size_t machine, NodeOptions options,
               std::chrono::microseconds pace, const std::vector<Table>& tables)
    : truth_(truth),
      world_(network.world()),
      machine_(machine),
      id_{options.name, options.incarnation},
      name_(options.name + std::to_string(options.incarnation)),
      options_(options),
      kinds_(tables),
      loop_(std::make_shared<Loop>(world_, pace)),
      logs_(tables.size()),
      watched_(tables.size()),
      node_(
          std::make_unique<Node>(std::move(options), static_cast<Events&>(*this),
                                 std::make_unique<SimulatedEnvironment>(network, machine, loop_))) {
  for (std::size_t number = 0; number < tables.size(); ++number) {
    texts_.push_back(std::make_unique<Texts>(*node_, tables[number].name,
                                             TableOptions{.unique = tables[number].unique}));
    texts_.back()->watch([this, number](const Texts::Change& change) { changed(number, change); });
    if (!tables[number].unique) continue;
    texts_.back()->on_conflict_lost(
        [this, number](const Key& key, const Value& ours, NodeRef winner) {
          lost(number, key, ours, winner);
        });
  }
  node_->on_message([this](NodeRef from, std::string_view text) { delivered(from, text); });
  node_->on_undelivered([this](NodeRef to, const std::string& text) { returned(to, text); });
  loop_->on_turn([this] { note_applied(); });
}

Member::~Member() { kill(); }

void Member::start() {
  if (!node_->start()) broken("could not start");
  port_ = node_->listen_port();
  note_counted();
  world_.trace(name_, " starts at ", Network::name(machine_), ":", port_);
}

PeerAddress Member::address() const { return {id_.name, Network::name(machine_), port_}; }

void Member::put(std::size_t table, const Key& key, std::uint64_t stamp, std::uint32_t padding) {
  const Value value{.serial = ++truth_.serials, .stamp = stamp, .padding = padding};
  world_.trace(name_, " puts ", kinds_[table].name, " ", name_of(key), " = #", value.serial,
               " stamp ", stamp, " (", padding, " bytes)");
  const Position expected = logs_[table].write(key, value);
  auto position = texts_[table]->put(key, value);
  if (!position || *position != expected) broken("a put did not get position ", expected);
}

void Member::erase(std::size_t table, const Key& key) {
  if (logs_[table].at(key).serial != 0) logs_[table].erase(key);
  world_.trace(name_, " erases ", kinds_[table].name, " ", name_of(key));
  if (texts_[table]->erase(key) != logs_[table].head()) {
    broken("an erase did not get position ", logs_[table].head());
  }
}

void Member::send(Member& to, std::uint32_t padding) {
  std::string payload;
  put_number(static_cast<std::uint64_t>(truth_.messages.size() + 1), payload);
  payload.append(padding, 'm');
  auto taken = node_->send(to.id(), payload);
  world_.trace(name_, " sends #", truth_.messages.size() + 1, " (", payload.size(), " bytes) to ",
               to.name(), taken ? std::string() : ": " + taken.error().message());
  if (taken) truth_.messages.push_back({.from = this, .to = &to});
}

void Member::wait_replicated(std::size_t table, std::chrono::microseconds limit) {
  const Position position = texts_[table]->position();
  const World::Time begun = world_.now(), deadline = begun + limit;
  ++waits_;
  texts_[table]->when_replicated(
      position, deadline,
      [this, table, position, begun, deadline](boost::system::error_code error) {
        replicated(table, position, error, begun, deadline);
      });
}

void Member::pause() {
  world_.trace(name_, " is stopped");
  loop_->pause();
}

void Member::resume() {
  world_.trace(name_, " goes on");
  loop_->resume();
}

void Member::leave(std::chrono::milliseconds drain) {
  world_.trace(name_, " leaves, with up to ", drain.count(), " ms for what is queued");
  leaving_ = true;
  node_->state().mesh->leave(drain, [] {});
}

void Member::kill() {
  if (!node_) return;
  world_.trace(name_, left() ? " has left" : " dies");
  if (left()) {
    auto why = messages_not_settled();
    if (!why.empty()) broken("has left, but ", why);
    if (waits_ != 0) broken("has left with waits that did not end");
  }
  texts_.clear();
  node_.reset();
}

void Member::note_applied() {
  for (auto& [other, sight] : sights_) {
    auto ref = node_->ref(other->id());
    if (!ref) continue;
    for (std::size_t table = 0; table < kinds_.size(); ++table) {
      auto replica = node_->state().tables[table]->replica(*ref);
      if (!replica.complete) continue;
      Position& most = sight.applied[table];
      most = std::max(most, replica.applied);
    }
  }
}

void Member::note_counted() {
  const bool counts = std::any_of(sights_.begin(), sights_.end(),
                                  [](const auto& seen) { return seen.second.counted; });
  if (counts) {
    alone_since_.reset();
  } else if (!alone_since_) {
    alone_since_ = world_.now();
  }
}

void Member::replicated(std::size_t table, Position position, boost::system::error_code error,
                        World::Time begun, World::Time deadline) {
  --waits_;
  if (error == make_error_code(Errc::deadline_passed)) {
    if (world_.now() < deadline) broken("a wait ended before its deadline");
    if (alone_since_ && deadline - std::max(begun, *alone_since_) > 300ms) {
      broken("waited for a peer that does not count");
    }
    return;
  }
  if (error) {
    if (!leaving_) broken("a wait ended with ", error.message());
    return;
  }
  for (auto& [other, sight] : sights_) {
    if (!sight.counted) continue;
    auto there = other->sights_.find(this);
    Position most = 0;
    if (there != other->sights_.end() && there->second.applied.contains(table)) {
      most = there->second.applied.at(table);
    }
    if (most < position) {
      broken(kinds_[table].name, " counts as replicated up to ", position, ", but ", other->name(),
             " has come only to ", most);
    }
  }
}

}  // namespace replication::simulation
