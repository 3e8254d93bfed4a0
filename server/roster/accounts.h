#pragma once

#include <boost/asio/awaitable.hpp>
#include <string_view>

#include "server/roster/rosters.h"
#include "server/router/router.h"
#include "server/storage/user_store.h"
#include "xmpp/jid.h"
#include "xmpp/xml.h"

namespace server {

namespace asio = boost::asio;

/// What is done to an account as a whole, with what it means for its sessions and contacts.
///
/// Threads: all members may be called from any loop, which is `here`.
class Accounts {
 public:
  Accounts(UserStore& users, Rosters& rosters, Router& router)
      : users_(users), rosters_(rosters), router_(router) {}

  /// Ends its subscriptions, so that nobody who gets the name later sees whom it saw, and removes
  /// all that is stored of it (hardening Q8). Its sessions go on: end_sessions() comes behind the
  /// answer. Done again it goes on where it failed. Errors: those of UserStore and DocumentStore.
  asio::awaitable<Result<void>> remove(xmpp::Jid account, RoutedLoop& here);

  /// Ends its sessions on all nodes, but for the one with the resource `kept`, if there is such:
  /// the account is gone, or has another password (hardening P21).
  void end_sessions(const xmpp::Jid& account, std::string_view kept, RoutedLoop& here);

 private:
  UserStore& users_;
  Rosters& rosters_;
  Router& router_;
};

/// What a push of the account's says about the session with this resource.
enum class SessionNews { none, goes_on, ends };
SessionNews session_news(xmpp::Element push, std::string_view resource);

}  // namespace server
