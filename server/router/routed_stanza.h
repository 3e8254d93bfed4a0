#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/router/session_record.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

namespace server {

/// A stanza on its way: serialised once, however many will get it, with what routing needs beside
/// it. Immutable once it is sent off, so loops may share it.
struct RoutedStanza {
  xmpp::Stanza::Kind kind = xmpp::Stanza::Kind::message;
  std::string type;  ///< As written; empty for none.
  xmpp::Jid from;
  xmpp::Jid to;
  std::shared_ptr<const std::string> xml;  ///< With `from` and `to` as above.

  /// Times that it came to a session that had just ended and was routed anew. Bounded, so that no
  /// stanza travels for ever.
  std::uint8_t reroutes = 0;

  /// When it was read from a client of this node, for metrics; unset when it came otherwise.
  std::chrono::steady_clock::time_point read_at{};

  bool is_error() const { return type == "error"; }
};

/// Serialises `stanza`, whose `from` and `to` are set, for its way.
RoutedStanza routed(const xmpp::Stanza& stanza, xmpp::Jid from, xmpp::Jid to);

/// What one node sends another: a stanza for one of its sessions. See docs/protocol.md.
std::string encode(const RoutedStanza& stanza, std::uint16_t loop, SessionId session);

struct Arrival {
  RoutedStanza stanza;
  std::uint16_t loop = 0;
  SessionId session = 0;
};

/// Empty: not such a message. The XML in it is not checked yet.
std::optional<Arrival> decode_arrival(std::string_view payload);

}  // namespace server
