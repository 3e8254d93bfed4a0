#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "server/pep/pep.h"
#include "xmpp/jid.h"

namespace server {

// Bookmarks of rooms, as older clients keep them, all in one element of private XML (XEP-0048,
// XEP-0049), and as newer ones do, an item a room in PEP (XEP-0402). Where PEP has any, they are
// the ones that count.

/// `storage`, a `<storage xmlns='storage:bookmarks'/>`, with the rooms that PEP has in place of its
/// own; as it is where PEP has no node for them. Refusals: those of Pep::read().
asio::awaitable<PepResult<std::string>> with_bookmarks_of_pep(Pep& pep, xmpp::Jid account,
                                                              std::string storage);

/// Makes the rooms in `storage` those that PEP has, and tells of each that is new, changed or gone.
/// What older clients do not know of a room stays. Refusals: resource_constraint (too many), and
/// those of Pep::publish().
asio::awaitable<PepResult<void>> publish_bookmarks(Pep& pep, xmpp::Jid account, std::string storage,
                                                   RoutedLoop& here);

}  // namespace server
