#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/support/node_process.h"
#include "tests/support/xmpp_client.h"
#include "xmpp/namespaces.h"

// What people say, and clients with XEP-0198, in the tests of whole nodes.

namespace tests {

// More than two ticks of a loop.
inline constexpr auto nothing_comes = std::chrono::milliseconds(600);

using Bodies = std::vector<std::string>;

inline XmppClient client_at(const NodeProcess& node, const std::string& user,
                            const std::string& resource, bool is_available = true) {
  return XmppClient::login(node.c2s_port(), user + "@localhost/" + resource, user, is_available);
}

inline void say(XmppClient& from, const std::string& to, const std::string& body,
                const std::string& type = "chat", const std::string& more = "") {
  from.send("<message type='" + type + "' id='" + body + "' to='" + to + "'><body>" + body +
            "</body>" + more + "</message>");
}

inline std::string body_of(const xmpp::Stanza& message) {
  return message.root().child("body", xmpp::ns::client).text();
}

/// The bodies of the next `count` messages, and of any that come after them unasked.
inline Bodies hear(XmppClient& client, std::size_t count) {
  Bodies bodies;
  while (true) {
    const auto message =
        client.receive_message(bodies.size() < count ? XmppClient::patience : nothing_comes);
    if (!message) return bodies;
    bodies.push_back(message->type() == "error" ? "error" : body_of(*message));
  }
}

/// The next `<a/>`: its `h`. What comes before is dropped.
inline std::string next_ack(XmppClient& client,
                            std::chrono::milliseconds limit = XmppClient::patience) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < until) {
    const auto element = client.receive(limit);
    if (!element) break;
    if (element->root().is("a", xmpp::ns::sm3)) return std::string(element->root().attr("h"));
  }
  return "none";
}

inline void enable_acks(XmppClient& client) {
  client.send("<enable xmlns='urn:xmpp:sm:3'/>");
  while (const auto element = client.receive()) {
    if (element->root().is("enabled", xmpp::ns::sm3)) return;
  }
  FAIL() << "acks were not enabled";
}

inline void acknowledge(XmppClient& client, int handled) {
  client.send("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(handled) + "'/>");
}

inline constexpr const char* request = "<r xmlns='urn:xmpp:sm:3'/>";
inline constexpr const char* available = "<presence/>";

}  // namespace tests
