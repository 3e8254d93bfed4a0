#include "server/router/carbons.h"

#include <string>
#include <utility>

#include "xmpp/namespaces.h"

namespace server {
namespace {

constexpr std::string_view receipts = "urn:xmpp:receipts";
constexpr std::string_view chat_states = "http://jabber.org/protocol/chatstates";
constexpr std::string_view markers = "urn:xmpp:chat-markers:0";
constexpr std::string_view muc_user = "http://jabber.org/protocol/muc#user";

}  // namespace

bool is_copied(const xmpp::Stanza& message) {
  const std::string_view type = message.type();
  if (type == "groupchat" || type == "headline") return false;
  // Of what type the message was that an error answers is told by what it brings back of it.
  bool is_for_people = type == "chat";
  for (const xmpp::Element child : xmpp::children(message.root())) {
    if (child.is("private", xmpp::ns::carbons) || child.is("no-copy", xmpp::ns::hints))
      return false;
    if (child.is("x", muc_user) && !child.first_child()) return false;  // A room's, to repeat.
    is_for_people = is_for_people || child.is("body", xmpp::ns::client) || child.ns() == receipts ||
                    child.ns() == chat_states || child.ns() == markers;
  }
  return is_for_people;
}

RoutedStanza carbon_of(const xmpp::Stanza& message, CarbonKind kind, xmpp::Jid to) {
  const xmpp::Jid account = to.bare();
  // XEP-0280 §7 wants the type kept, but the copy of an error is none (RFC 6120 §8.3.1).
  const std::string_view type = message.type() == "error" ? "" : message.type();
  xmpp::Stanza copy = xmpp::Stanza::make(xmpp::Stanza::Kind::message, type);
  copy.set_from(account.str());
  copy.set_to(to.str());
  const xmpp::Element copied =
      copy.root()
          .add_child(kind == CarbonKind::sent ? "sent" : "received", xmpp::ns::carbons)
          .add_child("forwarded", xmpp::ns::forward)
          .add_copy(message.root());
  // Both archives know a message by one id; each client is told of its own archive (XEP-0313
  // §5.1.3).
  const auto recipient = xmpp::Jid::parse(message.to());
  for (xmpp::Element child : xmpp::children(copied)) {
    const bool is_ours = recipient && child.is("stanza-id", xmpp::ns::stanza_ids) &&
                         child.attr("by") == recipient->bare_str();
    if (is_ours) child.set_attr("by", account.str());
  }
  RoutedStanza carbon = routed(copy, account, std::move(to));
  carbon.type = "headline";  // To routing; the client sees the type of the message.
  return carbon;
}

}  // namespace server
