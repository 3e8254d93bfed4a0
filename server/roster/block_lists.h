#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "server/blocking/block_list.h"
#include "server/blocking/block_table.h"
#include "server/router/router.h"
#include "server/storage/document_store.h"
#include "xmpp/jid.h"
#include "xmpp/stanza_error.h"

namespace server {

namespace asio = boost::asio;

/// The block lists of all accounts (XEP-0191): stored, and while an account is logged in shared by
/// the nodes, which is how Router knows of them.
///
/// Threads: all members may be called from any loop, which is `here`.
class BlockLists {
 public:
  BlockLists(DocumentStore& documents, SessionDirectory& directory, Router& router,
             BlockLimits limits)
      : documents_(documents), directory_(directory), router_(router), limits_(limits) {}

  /// What the account, a bare JID, blocks. Errors: those of DocumentStore.
  asio::awaitable<Result<BlockList>> load(xmpp::Jid account);

  /// Before the account's session can be found by others: shares its list, if it has one, for as
  /// long as the session holds it. Errors: those of load().
  asio::awaitable<Result<BlockTable::Hold>> hold(xmpp::Jid account);

  /// Why something was not done: the error to answer with.
  using Refusal = std::optional<xmpp::StanzaErrorCondition>;

  /// What is said to a client while the database cannot be asked (G5).
  static constexpr auto unavailable = xmpp::StanzaErrorCondition::resource_constraint;

  /// A client blocks these JIDs, as they were prepared, or unblocks them; none to unblock means
  /// all. On return it is in force on all nodes, and the account's sessions have been told.
  asio::awaitable<Refusal> change(xmpp::Jid account, std::vector<std::string> jids, bool blocks,
                                  RoutedLoop& here);

  /// What stands between `from` and `account`, which may have no session: for what the server does
  /// in the account's name. Errors: those of load().
  asio::awaitable<Result<Barrier>> between(xmpp::Jid from, xmpp::Jid account);

 private:
  DocumentStore& documents_;
  SessionDirectory& directory_;
  Router& router_;
  const BlockLimits limits_;
};

}  // namespace server
