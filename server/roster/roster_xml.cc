#include "server/roster/roster_xml.h"

#include "xmpp/escape.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

void append_attr(std::string& out, std::string_view name, std::string_view value) {
  out += ' ';
  out += name;
  out += "='";
  xmpp::append_escaped_attr(out, value);
  out += '\'';
}

}  // namespace

void append_item(std::string& out, const RosterItem& item) {
  out += "<item";
  append_attr(out, "jid", item.contact);
  if (!item.is_listed) {
    out += " subscription='remove'/>";
    return;
  }
  append_attr(out, "subscription", subscription_name(item.subscription));
  if (item.subscription.to == Half::pending) out += " ask='subscribe'";
  if (item.subscription.approved) out += " approved='true'";
  if (!item.name.empty()) append_attr(out, "name", item.name);
  if (item.groups.empty()) {
    out += "/>";
    return;
  }
  out += '>';
  for (const std::string& group : item.groups) {
    out += "<group>";
    xmpp::append_escaped_text(out, group);
    out += "</group>";
  }
  out += "</item>";
}

std::string push_query(const RosterItem& item, std::uint64_t version) {
  std::string query = "<query xmlns='jabber:iq:roster' ver='" + std::to_string(version) + "'>";
  append_item(query, item);
  return query + "</query>";
}

std::optional<PushedItem> pushed_item(xmpp::Element query) {
  if (!query.is("query", xmpp::ns::roster)) return std::nullopt;
  const xmpp::Element item = query.child("item", xmpp::ns::roster);
  if (!item) return std::nullopt;
  const std::string_view subscription = item.attr("subscription");
  return PushedItem{std::string(item.attr("jid")), subscription == "to" || subscription == "both",
                    subscription == "from" || subscription == "both"};
}

}  // namespace server
