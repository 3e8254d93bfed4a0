#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/roster/roster.h"
#include "xmpp/xml.h"

namespace server {

/// The roster item as clients see it (RFC 6121 §2.1.2), added to the end of `out`. One that is not
/// listed is written as removed.
void append_item(std::string& out, const RosterItem& item);

/// The query of a roster push (RFC 6121 §2.1.6), with its version (XEP-0237).
std::string push_query(const RosterItem& item, std::uint64_t version);

/// What a roster push says of a subscription.
struct PushedItem {
  std::string contact;
  bool to = false, from = false;
};

/// Of the `<query/>` of a push that this server made; absent when it is none.
std::optional<PushedItem> pushed_item(xmpp::Element query);

}  // namespace server
