// What a member is told, held against the truth as it comes.

#include "replication/node_state.h"
#include "replication/wire.h"
#include "tests/replication/simulation/member.h"

namespace replication::simulation {

void Member::peer_connected(const NodeId& id) {
  Member* other = truth_.find(id);
  if (other == nullptr) {
    broken("connected to ", id.name, ", which never lived");
    return;
  }
  Sight& sight = sights_[other];
  world_.trace(name_, " has a link to ", other->name());
  // Whoever was left out is counted again only when it has caught up.
  if (sight.gone || sight.unreachable || sight.lagging || sight.caught_up_last) {
    sight.counted = false;
  }
  sight.gone = sight.ready = sight.unreachable = sight.lagging = sight.caught_up_last = false;
  sight.begun_anew = false;
  note_counted();
  if (restarted_ && restarted_->name == id.name && restarted_->incarnation > id.incarnation) {
    broken("ends a later life of ", id.name, " for ", other->name());
  }
  restarted_.reset();
  if (reacts()) send(*other, 10);
}

void Member::joined(const NodeId& id, const JoinStats& stats) {
  Sight& sight = sights_[truth_.find(id)];
  world_.trace(name_, " has joined with ", truth_.find(id)->name(), ", ", stats.records,
               " records");
  if (sight.ready) broken("joined with ", id.name, " twice over one link");
  sight.ready = true;
  sight.counted = !sight.lagging;
  sight.caught_up_last = false;
  note_counted();
  if (truth_.find(id)->sights_[this].begun_anew) return;
  for (std::size_t table = 0; table < kinds_.size(); ++table) {
    if (!node_->state().tables[table]->replica(node_->ref(id).value()).complete) {
      broken("has joined with ", id.name, " without all of ", kinds_[table].name);
    }
  }
}

void Member::peer_unreachable(const NodeId& id, boost::system::error_code why) {
  Sight& sight = sights_[truth_.find(id)];
  world_.trace(name_, " cannot reach ", truth_.find(id)->name(), ": ", why.message());
  if (sight.gone || sight.unreachable) broken(id.name, " is unreachable twice");
  sight.unreachable = true;
  sight.counted = sight.caught_up_last = false;
  note_counted();
}

void Member::peer_reachable(const NodeId& id) {
  Sight& sight = sights_[truth_.find(id)];
  world_.trace(name_, " hears ", truth_.find(id)->name(), " again");
  if (!sight.unreachable) broken(id.name, " is reachable again, but was not unreachable");
  sight.unreachable = false;
  sight.counted = sight.ready && !sight.lagging;
  note_counted();
}

void Member::peer_relayed(const NodeId& id, const std::string& via) {
  world_.trace(name_, " is linked ", via.empty() ? "directly" : "through " + via, " to ",
               truth_.find(id)->name());
}

void Member::peer_gone(const NodeId& id, boost::system::error_code why, std::uint64_t records) {
  Sight& sight = sights_[truth_.find(id)];
  world_.trace(name_, " takes ", truth_.find(id)->name(), " for gone, with ", records,
               " records: ", why.message());
  if (sight.gone) broken(id.name, " is gone twice");
  std::map<std::size_t, Position> applied = std::move(sight.applied);
  sight = {};
  sight.applied = std::move(applied);
  sight.gone = true;
  note_counted();
  if (why == make_error_code(Errc::restarted)) restarted_ = id;
  if (reacts()) put(0, {"gone", id.name}, 3, 10);
}

void Member::link_refused(const std::string& who, boost::system::error_code why) {
  world_.trace(name_, " and ", who, ": refused, ", why.message());
  // No simulated node breaks the protocol, and no network changes bytes.
  if (why == make_error_code(Errc::bad_frame) || why == make_error_code(Errc::sequence_gap) ||
      why == make_error_code(Errc::bad_proof) || why == make_error_code(Errc::over_window) ||
      why == make_error_code(Errc::unknown_tunnel)) {
    broken("takes ", who, " for a breaker of the protocol: ", why.message());
  }
}

void Member::resync(const NodeId& id, const std::string& table, const std::string& why) {
  world_.trace(name_, " begins ", table, " anew for ", truth_.find(id)->name(), ": ", why);
  if (why == "slower than the log is written") sights_[truth_.find(id)].begun_anew = true;
}

void Member::lagging(const NodeId& id, bool is) {
  Sight& sight = sights_[truth_.find(id)];
  world_.trace(name_, is ? " leaves out " : " counts again ", truth_.find(id)->name());
  if (sight.lagging == is) broken(id.name, " lags, or not, twice");
  sight.lagging = is;
  sight.counted = !is;
  sight.caught_up_last = !is;
  note_counted();
}

void Member::changed(std::size_t table, const Texts::Change& change) {
  Member* owner = of(change.owner);
  const std::string what = kinds_[table].name + " " + name_of(change.key) + " of " + owner->name();
  const bool put = change.kind == Texts::Change::Kind::put;
  Watched& watched = watched_[table][owner][change.key];
  if (put) {
    world_.trace(name_, " sees put ", what, " = #", change.record.serial);
    if (!owner->logs_[table].may_show(change.key, 0, change.record)) {
      broken("sees ", what, " = #", change.record.serial, ", which was never written");
    }
    if (change.record.serial < watched.highest ||
        (change.record.serial == watched.highest && !watched.swept)) {
      broken("sees ", what, " go from #", watched.highest, " back to #", change.record.serial);
    }
    watched = {.value = change.record, .highest = change.record.serial};
    return;
  }
  world_.trace(name_, " sees erase ", what, " = #", change.record.serial);
  if (watched.value != change.record) {
    broken("sees ", what, " erased as #", change.record.serial, ", but had seen #",
           watched.value.serial);
  }
  const bool gone = sights_[owner].gone;
  if (!gone && !owner->logs_[table].erased_after(change.key, change.record)) {
    broken("sees ", what, " = #", change.record.serial, " erased, though its owner did not");
  }
  watched.value = {};
  watched.swept = gone;
}

void Member::lost(std::size_t table, const Key& key, const Value& ours, NodeRef winner) {
  Member* other = of(winner);
  const Value theirs = watched_[table][other][key].value;
  world_.trace(name_, " lost ", kinds_[table].name, " ", name_of(key), " = #", ours.serial, " to ",
               other->name(), "'s #", theirs.serial);
  if (logs_[table].at(key) != ours) {
    broken("is told that #", ours.serial, " lost, which it does not hold");
    return;
  }
  logs_[table].erase(key);
  if (std::pair(theirs.stamp, other->id()) <= std::pair(ours.stamp, id_) || theirs.serial == 0) {
    broken("lost #", ours.serial, " to #", theirs.serial, ", which it beats");
  }
  if (sights_[other].gone) broken("lost #", ours.serial, " to ", other->name(), ", which is gone");
  if (reacts()) put(table, key, theirs.stamp + world_.random.below(2), 10);
}

void Member::delivered(NodeRef from, std::string_view payload) {
  const auto serial = WireReader(payload).number<std::uint64_t>();
  world_.trace(name_, " gets message #", serial);
  if (serial == 0 || serial > truth_.messages.size()) {
    broken("got message #", serial, ", which nobody sent");
    return;
  }
  Truth::Message& message = truth_.messages[serial - 1];
  if (message.to != this || message.from != of(from)) broken("got another's message #", serial);
  if (++message.delivered > 1) broken("got message #", serial, " twice");
  std::uint64_t& last = last_delivered_[message.from];
  if (serial <= last) broken("got message #", serial, " after #", last);
  last = serial;
  if (reacts()) send(*of(from), 10);
}

void Member::returned(NodeRef to, std::string_view payload) {
  const auto serial = WireReader(payload).number<std::uint64_t>();
  world_.trace(name_, " gets message #", serial, " back");
  if (serial == 0 || serial > truth_.messages.size()) {
    broken("got message #", serial, " back, which it never sent");
    return;
  }
  Truth::Message& message = truth_.messages[serial - 1];
  if (message.from != this || message.to != of(to)) broken("got another's message #", serial);
  if (++message.returned > 1) broken("got message #", serial, " back twice");
  if (node_->alive(to) && !leaving_) broken("got #", serial, " back, though its addressee lives");
  std::uint64_t& last = last_returned_[message.to];
  if (serial <= last) broken("got message #", serial, " back after #", last);
  last = serial;
  if (!reacts()) return;
  Member& other = *truth_.members[world_.random.below(truth_.members.size())];
  if (&other != this) send(other, 10);
}

}  // namespace replication::simulation
