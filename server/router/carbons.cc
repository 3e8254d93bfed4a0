#include "server/router/carbons.h"

#include <string>
#include <utility>

#include "xmpp/namespaces.h"

namespace server {
namespace {

constexpr std::string_view forward = "urn:xmpp:forward:0";
constexpr std::string_view hints = "urn:xmpp:hints";
constexpr std::string_view receipts = "urn:xmpp:receipts";
constexpr std::string_view chat_states = "http://jabber.org/protocol/chatstates";
constexpr std::string_view markers = "urn:xmpp:chat-markers:0";
constexpr std::string_view muc_user = "http://jabber.org/protocol/muc#user";

}  // namespace

bool is_copied(const xmpp::Stanza& message) {
  const std::string_view type = message.type();
  if (type == "error" || type == "groupchat" || type == "headline") return false;
  bool is_for_people = type == "chat";
  for (const xmpp::Element child : xmpp::children(message.root())) {
    if (child.is("private", xmpp::ns::carbons) || child.is("no-copy", hints)) return false;
    if (child.is("x", muc_user) && !child.first_child()) return false;  // A room's, to repeat.
    is_for_people = is_for_people || child.is("body", xmpp::ns::client) || child.ns() == receipts ||
                    child.ns() == chat_states || child.ns() == markers;
  }
  return is_for_people;
}

RoutedStanza carbon_of(const xmpp::Stanza& message, CarbonKind kind, xmpp::Jid to) {
  const xmpp::Jid account = to.bare();
  xmpp::Stanza copy = xmpp::Stanza::make(xmpp::Stanza::Kind::message, message.type());
  copy.set_from(account.str());
  copy.set_to(to.str());
  copy.root()
      .add_child(kind == CarbonKind::sent ? "sent" : "received", xmpp::ns::carbons)
      .add_child("forwarded", forward)
      .add_copy(message.root());
  RoutedStanza carbon = routed(copy, account, std::move(to));
  carbon.type = "headline";  // To routing; the client sees the type of the message.
  return carbon;
}

void remove_forged_carbons(xmpp::Stanza& message) {
  for (xmpp::Element child = message.root().first_child(); child;) {
    const xmpp::Element next = child.next();
    if (child.is("received", xmpp::ns::carbons) || child.is("sent", xmpp::ns::carbons)) {
      message.root().remove_child(child);
    }
    child = next;
  }
}

}  // namespace server
