#include "server/roster/accounts.h"

#include <string>
#include <utility>

#include "xmpp/escape.h"

namespace server {
namespace {

constexpr std::string_view ns = "urn:meerkat:sessions";  // Between the nodes alone.

}  // namespace

asio::awaitable<Result<void>> Accounts::remove(xmpp::Jid account, RoutedLoop& here) {
  const auto ended = co_await rosters_.end_all(account, here);
  if (ended.has_error()) co_return ended.error();
  co_return co_await users_.remove(std::string(account.local()), std::string(account.domain()));
}

void Accounts::end_sessions(const xmpp::Jid& account, std::string_view kept, RoutedLoop& here) {
  router_.push(account, "end",
               "<end xmlns='" + std::string(ns) + "' kept='" + xmpp::escape_attr(kept) + "'/>",
               &here);
}

SessionNews session_news(xmpp::Element push, std::string_view resource) {
  if (!push.is("end", ns)) return SessionNews::none;
  return push.attr("kept") == resource ? SessionNews::goes_on : SessionNews::ends;
}

}  // namespace server
