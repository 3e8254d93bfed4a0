#pragma once

#include <cstddef>
#include <string>
#include <variant>

#include "server/storage/archive_store.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

namespace server {

/// What a client asks of its archive (XEP-0313 §4, XEP-0059).
struct ArchiveQuery {
  std::string id;  ///< To be repeated in each result; empty for none.
  ArchiveRange range{};
  ArchivePageOptions page{};
  bool is_flipped = false;  ///< The page is sent from its end.
};

struct ArchiveLimits {
  std::size_t page_max = 100;  ///< Messages a page, whatever the client asks.
  std::size_t page_bytes_max = 262'144;
  std::size_t ids_max = 100;  ///< Messages that are asked for by their ids.
};

/// Reads a `<query/>`. An error is what to answer: bad_request for what is malformed,
/// item_not_found for an id that no archive can have, feature_not_implemented for a field or a way
/// of paging that is not known here, resource_constraint for too many ids.
std::variant<ArchiveQuery, xmpp::StanzaErrorCondition> parse_archive_query(
    const xmpp::Element& query, const ArchiveLimits& limits);

/// Adds the form of all fields that a query may have (XEP-0313 §4.1.6).
void add_archive_form(xmpp::Element query);

}  // namespace server
