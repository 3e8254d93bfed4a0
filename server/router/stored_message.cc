#include "server/router/stored_message.h"

#include <utility>

#include "xmpp/date_time.h"
#include "xmpp/namespaces.h"

namespace server {
namespace {

constexpr std::string_view chat_states = "http://jabber.org/protocol/chatstates";
// hardening S8: only the server says so in its own name.
void remove_own_delays(xmpp::Element message, std::string_view domain) {
  for (xmpp::Element child = message.first_child(); child;) {
    const xmpp::Element next = child.next();
    if (child.is("delay", xmpp::ns::delay) && child.attr("from") == domain)
      message.remove_child(child);
    child = next;
  }
}

bool has_hint(const xmpp::Stanza& message, std::string_view name) {
  return static_cast<bool>(message.root().child(name, xmpp::ns::hints));
}

bool is_of_later_use(const xmpp::Stanza& message) {
  if (has_hint(message, "store")) return true;
  for (const xmpp::Element child : xmpp::children(message.root())) {
    const std::string_view ns = child.ns();
    if (ns != chat_states && ns != xmpp::ns::hints && child.name() != "thread") return true;
  }
  return false;
}

}  // namespace

bool may_be_stored(const RoutedStanza& stanza) {
  return stanza.kind == xmpp::Stanza::Kind::message && !stanza.is_error() &&
         stanza.type != "groupchat" && stanza.type != "headline";
}

bool is_worth_storing(std::string_view xml) {
  const auto stanza = xmpp::Stanza::parse(xml);
  return stanza && !has_hint(*stanza, "no-store") && is_of_later_use(*stanza);
}

bool is_worth_archiving(std::string_view xml) {
  // Nearly all are of this kind, and known without a tree.
  const auto mentions = [xml](std::string_view part) {
    return xml.find(part) != std::string_view::npos;
  };
  if (mentions("<body") && !mentions(xmpp::ns::hints) && !mentions("&#")) return true;
  const auto stanza = xmpp::Stanza::parse(xml);
  if (!stanza) return false;
  return !has_hint(*stanza, "no-store") && !has_hint(*stanza, "no-permanent-store") &&
         is_of_later_use(*stanza);
}

std::optional<RoutedStanza> restored(const OfflineMessage& message) {
  auto stanza = xmpp::Stanza::parse(message.stanza);
  if (!stanza || stanza->kind() != xmpp::Stanza::Kind::message) return std::nullopt;
  auto from = xmpp::Jid::parse(stanza->from());
  auto to = xmpp::Jid::parse(stanza->to());
  if (!from || !to) return std::nullopt;
  remove_own_delays(stanza->root(), to->domain());
  xmpp::Element stamp = stanza->root().add_child("delay", xmpp::ns::delay);
  stamp.set_attr("from", to->domain());
  stamp.set_attr("stamp", xmpp::date_time(message.id.at));
  RoutedStanza result = routed(*stanza, *std::move(from), *std::move(to));
  result.id = message.id;
  result.is_restored = true;
  return result;
}

}  // namespace server
