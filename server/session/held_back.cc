#include "server/session/held_back.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "xmpp/namespaces.h"
#include "xmpp/stanza.h"

namespace server {
namespace {

constexpr std::size_t held_max = 500;
constexpr std::size_t bytes_max = 256 * 1024;

constexpr std::string_view chat_states = "http://jabber.org/protocol/chatstates";
constexpr std::string_view hints = "urn:xmpp:hints";

/// Whether all that a message says is what its sender is about to do.
bool is_chat_state(xmpp::Element message) {
  bool has_state = false;
  for (const xmpp::Element child : xmpp::children(message)) {
    const std::string_view ns = child.ns();
    if (ns == chat_states) {
      has_state = true;
    } else if (child.name() != "thread" && ns != hints && ns != xmpp::ns::stanza_ids) {
      return false;
    }
  }
  return has_state;
}

/// The message in a copy of one (XEP-0280); none if it is no copy.
xmpp::Element copied_message(xmpp::Element message) {
  for (const char* kind : {"received", "sent"}) {
    const xmpp::Element copy = message.child(kind, xmpp::ns::carbons);
    if (copy) return copy.first_child().child("message", xmpp::ns::client);
  }
  return {};
}

std::string key_of(std::string_view what, std::string_view from, std::string_view more = {}) {
  std::string key(what);
  key += from;
  key += '\n';
  key += more;
  return key;
}

/// Names the item that an event tells of: two events of one item, the later says all.
std::optional<std::string> key_of_event(std::string_view from, xmpp::Element event) {
  const xmpp::Element items = event.first_child();
  const xmpp::Element item = items.first_child();
  if (!items.is("items", xmpp::ns::pubsub_event) || !item || item.next()) return std::nullopt;
  return key_of("event ", from,
                std::string(items.attr("node")) + '\n' + std::string(item.attr("id")));
}

/// What a stanza that can wait tells of; none for one that cannot.
std::optional<std::string> subject_of(const RoutedStanza& stanza) {
  if (stanza.kind == xmpp::Stanza::Kind::presence) {
    if (!stanza.type.empty() && stanza.type != "unavailable") return std::nullopt;
    return key_of("presence ", stanza.from.str());
  }
  if (stanza.kind != xmpp::Stanza::Kind::message || stanza.is_error()) return std::nullopt;
  const std::string_view xml = stanza.xml.view();
  const bool may_be_event = stanza.type == "headline" && stanza.from.is_bare();
  if (!may_be_event && xml.find(chat_states) == std::string_view::npos) return std::nullopt;
  const auto parsed = xmpp::Stanza::parse(xml);
  if (!parsed) return std::nullopt;
  const xmpp::Element root = parsed->root();
  if (is_chat_state(root)) return key_of("state ", stanza.from.str());
  if (!may_be_event) return std::nullopt;
  if (const auto event = root.child("event", xmpp::ns::pubsub_event)) {
    return key_of_event(stanza.from.str(), event);
  }
  const xmpp::Element copied = copied_message(root);
  if (!copied || !is_chat_state(copied)) return std::nullopt;
  return key_of("state ", copied.attr("from"), copied.attr("to"));
}

}  // namespace

bool HeldBack::hold(const RoutedStanza& stanza) {
  auto subject = subject_of(stanza);
  if (!subject) return false;
  const auto former = held_.find(*subject);
  if (former != held_.end()) {
    bytes_ -= former->second.stanza.xml.size();
    held_.erase(former);
  }
  if (held_.size() >= held_max || bytes_ + stanza.xml.size() > bytes_max) return false;
  bytes_ += stanza.xml.size();
  held_.emplace(*std::move(subject), Held{++places_, stanza});
  return true;
}

std::vector<RoutedStanza> HeldBack::take() {
  std::vector<Held> all;
  all.reserve(held_.size());
  for (auto& [subject, held] : held_) all.push_back(std::move(held));
  std::ranges::sort(all, {}, &Held::place);
  held_.clear();
  bytes_ = 0;
  std::vector<RoutedStanza> stanzas;
  stanzas.reserve(all.size());
  for (Held& held : all) stanzas.push_back(std::move(held.stanza));
  return stanzas;
}

}  // namespace server
