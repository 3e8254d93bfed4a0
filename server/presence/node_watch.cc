#include "server/presence/node_watch.h"

#include <algorithm>
#include <utility>

namespace server {
namespace {

// Sessions that are visited in a turn of their loop: a millisecond or so, with long rosters.
constexpr std::size_t visits_per_turn = 256;

}  // namespace

NodeWatch::NodeWatch(replication::Node& node, SessionDirectory& directory,
                     std::vector<std::unique_ptr<RoutedLoop>>& loops)
    : node_(node), directory_(directory), loops_(loops) {
  using Change = replication::Table<SessionKey, SessionRecord>::Change;
  directory_.table().watch([this](const Change& change) {
    if (change.kind != Change::Kind::erase || !change.record.is_available) return;
    // That of a live node has told of its end itself.
    if (node_.alive(change.owner)) return;
    const auto jid = xmpp::Jid::parse(change.key.first);
    if (!jid) return;
    const auto full = jid->with_resource(change.key.second);
    if (!full) return;
    std::lock_guard lock(mutex_);
    gone_[change.key.first].push_back(*full);
  });
  loops_.front()->loop.on_tick([this] { tell_of_gone(); });
}

void NodeWatch::tell_of_gone() {
  GoneSessions gone;
  {
    std::lock_guard lock(mutex_);
    if (gone_.empty()) return;
    gone = std::exchange(gone_, {});
  }
  // Who is back on another node already is not gone.
  for (auto& [account, sessions] : gone) {
    std::erase_if(sessions, [this](const xmpp::Jid& session) {
      const auto found = directory_.find(session);
      return found && found->record.is_available;
    });
  }
  visit_all([gone = std::make_shared<const GoneSessions>(std::move(gone))](Recipient& session) {
    session.on_gone(*gone);
  });
}

void NodeWatch::peer_joined(const replication::NodeId& peer) {
  const auto ref = node_.ref(peer);
  // A node that has just begun has no sessions, and its first ones tell of themselves.
  if (!ref || directory_.size(*ref) == 0) return;
  visit_all([node = *ref](Recipient& session) { session.on_node_back(node); });
}

void NodeWatch::visit_all(const Visit& visit) {
  const auto shared = std::make_shared<const Visit>(visit);
  for (const auto& loop : loops_) {
    RoutedLoop& home = *loop;
    home.loop.post([&home, shared] { visit_from(home, 0, shared); });
  }
}

void NodeWatch::visit_from(RoutedLoop& loop, std::size_t slot, std::shared_ptr<const Visit> visit) {
  const std::size_t end = std::min(slot + visits_per_turn, loop.sessions.slots());
  for (; slot < end; ++slot) {
    if (Recipient* session = loop.sessions.at(slot)) (*visit)(*session);
  }
  if (slot >= loop.sessions.slots()) return;
  loop.loop.post([&loop, slot, visit = std::move(visit)] { visit_from(loop, slot, visit); });
}

}  // namespace server
