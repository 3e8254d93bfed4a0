#include "server/session/detached_sessions.h"

#include <algorithm>

namespace server {

DetachedSessions::DetachedSessions(RoutedLoop& home, SessionDirectory& directory, Router& router,
                                   std::chrono::milliseconds time)
    : home_(home), directory_(directory), router_(router), time_(time) {
  home_.loop.on_tick([this] { on_tick(); });
}

DetachedSessions::~DetachedSessions() = default;

void DetachedSessions::keep(std::unique_ptr<Session> session) {
  const SessionId id = session->id();
  const xmpp::Jid jid = session->jid();
  const auto now = home_.loop.now();
  Entry& entry =
      sessions_.try_emplace(id, Entry{Stand(*this, id), std::move(session), now}).first->second;
  by_age_.emplace_back(now, id);
  home_.counters.sessions_detached.raise(1);
  entry.session->set_output(entry.stand, true);
  bound_account(jid);
}

// A count over the cluster, of which each node ends its own: no two end one another's.
void DetachedSessions::bound_account(const xmpp::Jid& jid) {
  std::size_t count = 0;
  std::optional<SessionDirectory::Entry> oldest;
  for (const auto& entry : directory_.find_all(jid.bare_str())) {
    if (!entry.record.is_detached) continue;
    ++count;
    if (entry.address.node != replication::self_ref) continue;
    if (!oldest || entry.record.bound_at < oldest->record.bound_at) oldest = entry;
  }
  if (count > account_max && oldest) router_.displace(oldest->address);
}

Session* DetachedSessions::find(SessionId id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.session.get();
}

std::unique_ptr<Session> DetachedSessions::take(SessionId id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return nullptr;
  std::unique_ptr<Session> session = std::move(found->second.session);
  static NoStream none;
  session->set_output(none, true);  // Its stand goes.
  sessions_.erase(found);
  home_.counters.sessions_detached.lower(1);
  return session;
}

std::vector<SessionId> DetachedSessions::waiting(std::chrono::milliseconds least,
                                                 std::size_t count) const {
  std::vector<SessionId> ids;
  const auto limit = home_.loop.now() - least;
  for (const auto& [since, id] : by_age_) {
    if (since > limit || ids.size() >= count) break;
    const auto found = sessions_.find(id);
    if (found != sessions_.end() && found->second.since == since) ids.push_back(id);
  }
  return ids;
}

void DetachedSessions::end_all() {
  while (!sessions_.empty()) (void)take(sessions_.begin()->first);
  by_age_.clear();
}

void DetachedSessions::on_tick() {
  const auto limit = home_.loop.now() - time_;
  while (!by_age_.empty()) {
    const auto [since, id] = by_age_.front();
    const auto found = sessions_.find(id);
    const bool is_here = found != sessions_.end() && found->second.since == since;
    if (is_here && since > limit) return;
    by_age_.pop_front();
    if (is_here) (void)take(id);
  }
}

// Through the mailbox: the session is on the stack.
void DetachedSessions::Stand::close(xmpp::StreamErrorCondition, std::string_view,
                                    std::string_view) {
  owner_.home_.loop.post([&owner = owner_, id = id_] { (void)owner.take(id); });
}

}  // namespace server
