#include "server/router/stored_message.h"

#include <array>
#include <cstdio>
#include <ctime>
#include <utility>

#include "xmpp/namespaces.h"

namespace server {
namespace {

constexpr std::string_view hints = "urn:xmpp:hints";
constexpr std::string_view chat_states = "http://jabber.org/protocol/chatstates";
constexpr std::string_view delay = "urn:xmpp:delay";

/// XEP-0082: UTC, to the millisecond.
std::string time_text(std::uint64_t microseconds) {
  const auto seconds = static_cast<std::time_t>(microseconds / 1'000'000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03uZ",
                static_cast<unsigned>(microseconds / 1'000 % 1'000));
  return std::string(text.data(), size) + fraction.data();
}

// hardening S8: only the server says so in its own name.
void remove_own_delays(xmpp::Element message, std::string_view domain) {
  for (xmpp::Element child = message.first_child(); child;) {
    const xmpp::Element next = child.next();
    if (child.is("delay", delay) && child.attr("from") == domain) message.remove_child(child);
    child = next;
  }
}

}  // namespace

bool may_be_stored(const RoutedStanza& stanza) {
  return stanza.kind == xmpp::Stanza::Kind::message && !stanza.is_error() &&
         stanza.type != "groupchat" && stanza.type != "headline";
}

bool is_worth_storing(std::string_view xml) {
  const auto stanza = xmpp::Stanza::parse(xml);
  if (!stanza) return false;
  if (stanza->root().child("no-store", hints)) return false;
  for (const xmpp::Element child : xmpp::children(stanza->root())) {
    if (child.ns() != chat_states && child.name() != "thread") return true;
  }
  return false;
}

std::optional<RoutedStanza> restored(const OfflineMessage& message) {
  auto stanza = xmpp::Stanza::parse(message.stanza);
  if (!stanza || stanza->kind() != xmpp::Stanza::Kind::message) return std::nullopt;
  auto from = xmpp::Jid::parse(stanza->from());
  auto to = xmpp::Jid::parse(stanza->to());
  if (!from || !to) return std::nullopt;
  remove_own_delays(stanza->root(), to->domain());
  xmpp::Element stamp = stanza->root().add_child("delay", delay);
  stamp.set_attr("from", to->domain());
  stamp.set_attr("stamp", time_text(message.id.at));
  RoutedStanza result = routed(*stanza, *std::move(from), *std::move(to));
  result.id = message.id;
  result.is_restored = true;
  return result;
}

}  // namespace server
