#include "server/pep/bookmarks.h"

#include <map>
#include <utility>

#include "xmpp/namespaces.h"

namespace server {
namespace {

using xmpp::StanzaErrorCondition;
using xmpp::ns::bookmarks;
using xmpp::ns::old_bookmarks;

constexpr const char* node_name = "urn:xmpp:bookmarks:1";

void copy_texts(xmpp::Element from, std::string_view from_ns, xmpp::Element to,
                std::string_view to_ns) {
  for (const char* name : {"nick", "password"}) {
    if (const auto text = from.child(name, from_ns)) {
      to.add_child(name, to_ns).set_text(text.text());
    }
  }
  for (const char* name : {"name", "autojoin"}) {
    if (from.has_attr(name)) to.set_attr(name, from.attr(name));
  }
}

/// The item's payload for a room of an older client; `former` is what it was.
std::string payload_of(xmpp::Element room, const std::string& former) {
  const auto payload = xmpp::Stanza::make_element("conference", bookmarks);
  copy_texts(room, old_bookmarks, payload.root(), bookmarks);
  const auto before = xmpp::Stanza::parse(former);
  const xmpp::Element more =
      before ? before->root().child("extensions", bookmarks) : xmpp::Element();
  if (more) payload.root().add_copy(more);
  return payload.root().to_string("");
}

bool is_room(xmpp::Element element) { return element.is("conference", old_bookmarks); }

/// By JID: what the account's node has. Absent if there is no node.
using Rooms = std::map<std::string, std::string>;
asio::awaitable<PepResult<std::optional<Rooms>>> read_rooms(Pep& pep, xmpp::Jid account) {
  const auto node = co_await pep.read(account, node_name, account);
  if (node.has_error() && node.error().condition == StanzaErrorCondition::item_not_found) {
    co_return std::optional<Rooms>();
  }
  if (node.has_error()) co_return node.error();
  Rooms rooms;
  for (const PepItem& item : node->items()) rooms.emplace(item.id, item.payload);
  co_return std::optional(std::move(rooms));
}

asio::awaitable<PepResult<void>> publish_room(Pep& pep, xmpp::Jid account, PepItem room,
                                              bool is_first, RoutedLoop& here) {
  Pep::Publication publication{.node = node_name, .item = std::move(room), .options = {}};
  if (is_first) {  // XEP-0402 §3.3: the node is for the account alone, and keeps all.
    publication.options = {{"pubsub#access_model", "whitelist"},
                           {"pubsub#max_items", "max"},
                           {"pubsub#persist_items", "true"},
                           {"pubsub#send_last_published_item", "never"}};
  }
  co_return co_await pep.publish(std::move(account), std::move(publication), here);
}

}  // namespace

asio::awaitable<PepResult<std::string>> with_bookmarks_of_pep(Pep& pep, xmpp::Jid account,
                                                              std::string storage) {
  const auto rooms = co_await read_rooms(pep, std::move(account));
  if (rooms.has_error()) co_return rooms.error();
  if (!*rooms) co_return storage;
  const auto shown = xmpp::Stanza::parse(storage);
  if (!shown) co_return PepRefusal{StanzaErrorCondition::internal_server_error};
  xmpp::Element root = shown->root();
  for (xmpp::Element child = root.first_child(); child;) {
    const xmpp::Element next = child.next();
    if (is_room(child)) root.remove_child(child);
    child = next;
  }
  for (const auto& [jid, payload] : **rooms) {
    const auto item = xmpp::Stanza::parse(payload);
    if (!item || !item->root().is("conference", bookmarks)) continue;
    xmpp::Element room = root.add_child("conference", old_bookmarks);
    room.set_attr("jid", jid);
    copy_texts(item->root(), bookmarks, room, old_bookmarks);
  }
  co_return root.to_string("");
}

asio::awaitable<PepResult<void>> publish_bookmarks(Pep& pep, xmpp::Jid account, std::string storage,
                                                   RoutedLoop& here) {
  const auto known = co_await read_rooms(pep, account);
  if (known.has_error()) co_return known.error();
  const Rooms former = known->value_or(Rooms());
  Rooms wanted;
  {
    const auto parsed = xmpp::Stanza::parse(storage);
    if (!parsed) co_return PepRefusal{StanzaErrorCondition::internal_server_error};
    for (const xmpp::Element room : xmpp::children(parsed->root())) {
      const auto jid = xmpp::Jid::parse(room.attr("jid"));
      if (!is_room(room) || !jid) continue;
      const auto before = former.find(std::string(jid->str()));
      wanted[std::string(jid->str())] =
          payload_of(room, before == former.end() ? std::string() : before->second);
    }
  }
  if (wanted.size() > PepConfig::items_most) {
    co_return PepRefusal{StanzaErrorCondition::resource_constraint};
  }
  for (const auto& [jid, payload] : former) {
    if (wanted.contains(jid)) continue;
    const auto done = co_await pep.retract(account, node_name, jid, here);
    if (done.has_error() && done.error().condition != StanzaErrorCondition::item_not_found) {
      co_return done.error();
    }
  }
  bool is_first = !known->has_value();
  for (const auto& [jid, payload] : wanted) {
    const auto before = former.find(jid);
    if (before != former.end() && before->second == payload) continue;
    PepItem room{.id = jid, .payload = payload};
    const auto done = co_await publish_room(pep, account, std::move(room), is_first, here);
    if (done.has_error()) co_return done.error();
    is_first = false;
  }
  co_return PepResult<void>();
}

}  // namespace server
