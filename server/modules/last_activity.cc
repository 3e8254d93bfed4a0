// Last activity (XEP-0012): how long the server has been up, and how long somebody has been away,
// for those who may see him come and go.

#include "server/presence/last_activity.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "server/modules/modules.h"
#include "server/roster/rosters.h"
#include "server/router/router.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

using xmpp::StanzaErrorCondition;

xmpp::Stanza answer_to(const IqRequest& request, std::uint64_t seconds,
                       const std::string& status = {}) {
  xmpp::Stanza result = request.iq->result_reply();
  xmpp::Element query = result.root().add_child("query", xmpp::ns::last_activity);
  query.set_attr("seconds", std::to_string(seconds));
  if (!status.empty()) query.set_text(status);
  return result;
}

/// Why who asks may not see the account's presence, if so. Alike for one that does not exist, which
/// nobody may see (hardening S11).
asio::awaitable<Rosters::Refusal> check(Rosters& rosters, IqRequest request) {
  if (request.from.bare_str() == request.to.bare_str()) co_return std::nullopt;
  const auto roster = co_await rosters.load(request.to.bare());
  if (roster.has_error()) co_return Rosters::unavailable;
  const RosterItem* item = roster->find(request.from.bare_str());
  if (item != nullptr && item->subscription.from == Half::active) co_return std::nullopt;
  co_return StanzaErrorCondition::forbidden;
}

bool is_available(SessionDirectory& directory, const xmpp::Jid& account) {
  const auto sessions = directory.find_all(account.bare_str());
  return std::ranges::any_of(sessions,
                             [](const auto& session) { return session.record.is_available; });
}

asio::awaitable<void> get(LastActivities& activities, Rosters& rosters, SessionDirectory& directory,
                          Router& router, IqRequest request) {
  if (const auto refusal = co_await check(rosters, request)) co_return request.refuse(*refusal);
  if (request.to.is_full()) {  // XEP-0012 §4: how long nobody touched it its client knows.
    co_return router.route(routed(*request.iq, request.from, request.to), &request.home);
  }
  if (is_available(directory, request.to)) co_return request.reply(answer_to(request, 0));
  const auto last = co_await activities.find(request.to);
  if (last.has_error()) co_return request.refuse(Rosters::unavailable);
  if (!*last) co_return request.refuse(StanzaErrorCondition::item_not_found);
  const auto now =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
  // Another node's clock may be ahead.
  const std::uint64_t away = now > (*last)->at ? now - (*last)->at : 0;
  request.reply(answer_to(request, away, (*last)->status));
}

}  // namespace

void add_last_activity(IqHandlers& handlers, LastActivities& activities, Rosters& rosters,
                       BlockLists& blocks, SessionDirectory& directory, Router& router) {
  const std::string ns(xmpp::ns::last_activity);
  for (const IqTarget target : {IqTarget::server, IqTarget::account}) {
    handlers.add_feature(target, ns);
  }
  handlers.handle(IqTarget::server, "get", ns, "query",
                  [started = std::chrono::steady_clock::now()](const IqRequest& request) {
                    const auto up = std::chrono::duration_cast<std::chrono::seconds>(
                        std::chrono::steady_clock::now() - started);
                    request.reply(answer_to(request, static_cast<std::uint64_t>(up.count())));
                  });
  const auto handler = [&activities, &rosters, &directory, &router](const IqRequest& request) {
    answer_later(request, get(activities, rosters, directory, router, request));
  };
  handlers.handle(IqTarget::account, "get", ns, "query", handler);
  handle_for_contact(handlers, blocks, ns, "query", StanzaErrorCondition::forbidden, handler);
}

}  // namespace server
