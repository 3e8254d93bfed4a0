#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/pep/pep_node.h"
#include "server/roster/rosters.h"
#include "server/router/router.h"
#include "server/storage/document_store.h"
#include "xmpp/jid.h"

namespace server {

/// Why something was not done: the error to answer with.
struct PepRefusal {
  xmpp::StanzaErrorCondition condition;
  std::string_view detail = {};  ///< The condition of XEP-0060's own that stands beside it, if any.
};

template <class T>
using PepResult = boost::system::result<T, PepRefusal>;

/// Personal eventing (XEP-0163): the nodes of all accounts, stored as one document each, and who is
/// told of what is published there.
///
/// A notification goes to all available sessions that may have it, and each passes on to its
/// client what that wants (NotifyFilter): so nobody need know the clients of other nodes.
///
/// Threads: all members may be called from any loop, which is `here`.
class Pep {
 public:
  Pep(DocumentStore& documents, Rosters& rosters, BlockLists& blocks, Router& router)
      : documents_(documents), rosters_(rosters), blocks_(blocks), router_(router) {}

  struct Publication {
    std::string node;
    PepItem item;
    PepFields options;  ///< What the node must be, or is made with (XEP-0060 §7.1.5).
  };

  /// Publishes, and makes the node if it is not there. Refusals: policy_violation (too large),
  /// resource_constraint (too many nodes, or the database is away), conflict with
  /// precondition-not-met.
  asio::awaitable<PepResult<void>> publish(xmpp::Jid account, Publication publication,
                                           RoutedLoop& here);

  /// Changes a node of the account and tells of the change what `told` says: the content of the
  /// notification's `<event/>`, empty for none.
  using NodeChange = std::function<PepResult<std::string>(PepNode&)>;
  asio::awaitable<PepResult<void>> change(xmpp::Jid account, std::string node, NodeChange change,
                                          RoutedLoop& here);

  /// Takes an item out of a node, and tells so. Refusals: item_not_found.
  asio::awaitable<PepResult<void>> retract(xmpp::Jid account, std::string node, std::string id,
                                           RoutedLoop& here);

  /// Makes a node that is not there. Refusals: conflict, and those of publish().
  asio::awaitable<PepResult<void>> create(xmpp::Jid account, std::string node, PepFields config,
                                          RoutedLoop& here);

  /// A node of `account`, for a reader with that bare JID. Refusals: item_not_found, alike for what
  /// the reader may not know of (hardening S11, S18).
  asio::awaitable<PepResult<PepNode>> read(xmpp::Jid account, std::string node, xmpp::Jid reader);

  /// The last items that who becomes available, a full JID, is sent (XEP-0163 §4.3): of its account
  /// and of the contacts that that sees. Hands each to `deliver` until that says false.
  using Deliver = std::function<bool(const RoutedStanza& notification)>;
  asio::awaitable<void> last_items(xmpp::Jid reader, Deliver deliver);

 private:
  asio::awaitable<PepResult<void>> check_room(xmpp::Jid account, std::string node);
  asio::awaitable<void> notify(xmpp::Jid account, PepAccess access, std::string event,
                               RoutedLoop& here);

  DocumentStore& documents_;
  Rosters& rosters_;
  BlockLists& blocks_;
  Router& router_;
};

/// `<items node='…'><item id='…'>…</item></items>`, as it stands in notifications.
std::string items_xml(std::string_view node, const PepItem& item);

}  // namespace server
