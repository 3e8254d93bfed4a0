#include <algorithm>

#include "server/roster/roster_xml.h"
#include "server/transfer/forms.h"
#include "xmpp/escape.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

constexpr std::size_t request_bytes_max = RosterLimits{}.request_bytes_max;

/// What was not kept, because it was too long, is asked in the fewest words.
xmpp::Stanza bare_request(std::string_view contact) {
  xmpp::Stanza request = xmpp::Stanza::make(xmpp::Stanza::Kind::presence, "subscribe");
  request.set_from(contact);
  return request;
}

std::string request_of(const RosterItem& item) {
  if (!item.request.empty()) {
    if (const auto kept = xmpp::Stanza::parse(item.request)) return kept->to_string("");
  }
  return bare_request(item.contact).to_string("");
}

Form<xmpp::Jid> contact_of(std::string_view text, const xmpp::Jid& account) {
  const auto jid = xmpp::Jid::parse(text);
  if (!jid) return LeftOut{"a contact whose address is none: " + std::string(text)};
  if (jid->bare_str() == account.str()) return LeftOut{"the account as its own contact"};
  return jid->bare();
}

}  // namespace

void append_roster(std::string& out, const Roster& roster) {
  std::string items;
  std::string requests;
  for (const RosterItem& item : roster.items()) {
    if (item.is_listed) {
      append_item(items, item);
      items += '\n';
    }
    if (item.subscription.from == Half::pending) requests += request_of(item) + "\n";
  }
  if (!items.empty()) {
    out.append("<query xmlns='").append(xmpp::ns::roster).append("'>\n");
    out.append(items).append("</query>\n");
  }
  out += requests;
}

Form<RosterItem> read_roster_item(xmpp::Element item, const xmpp::Jid& account) {
  const auto contact = contact_of(item.attr("jid"), account);
  if (contact.has_error()) return contact.error();
  RosterItem read;
  read.contact = contact->str();
  read.name = item.attr("name");
  read.is_listed = true;
  const std::string_view subscription = item.attr("subscription");
  const bool is_both = subscription == "both";
  if (is_both || subscription == "to") read.subscription.to = Half::active;
  if (is_both || subscription == "from") read.subscription.from = Half::active;
  const bool asks = item.attr("ask") == "subscribe";
  if (asks && read.subscription.to == Half::none) read.subscription.to = Half::pending;
  const std::string_view approved = item.attr("approved");
  read.subscription.approved = approved == "true" || approved == "1";
  for (const xmpp::Element group : xmpp::children(item)) {
    std::string name = group.is("group", xmpp::ns::roster) ? group.text() : std::string();
    if (!name.empty()) read.groups.push_back(std::move(name));
  }
  std::ranges::sort(read.groups);
  const auto repeated = std::ranges::unique(read.groups);
  read.groups.erase(repeated.begin(), repeated.end());
  return read;
}

Form<RosterItem> read_request(xmpp::Element presence, const xmpp::Jid& account) {
  const auto contact = contact_of(presence.attr("from"), account);
  if (contact.has_error()) return contact.error();
  RosterItem read;
  read.contact = contact->str();
  read.subscription.from = Half::pending;
  // Prosody writes them without their namespace: then only who asks is sure.
  if (presence.ns() == xmpp::ns::client) read.request = presence.to_string();
  if (read.request.empty() || read.request.size() > request_bytes_max) {
    read.request = bare_request(read.contact).to_string();
  }
  return read;
}

}  // namespace server
