#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/router/session_record.h"
#include "server/storage/message_id.h"
#include "xmpp/jid.h"
#include "xmpp/shared_text.h"
#include "xmpp/stanza.h"

namespace server {

/// Who answers for a message until a client has it: the Settlement of a loop.
struct Ticket {
  replication::NodeRef node = replication::self_ref;
  std::uint16_t loop = 0;
  std::uint64_t number = 0;  ///< 0: nobody, as its sender waits for no ack.

  explicit operator bool() const { return number != 0; }
};

/// A stanza on its way: serialised once, however many will get it, with what routing needs beside
/// it. Immutable once it is sent off, so loops may share it.
struct RoutedStanza {
  xmpp::Stanza::Kind kind = xmpp::Stanza::Kind::message;
  std::string type;  ///< As written; empty for none.
  xmpp::Jid from;
  xmpp::Jid to;
  xmpp::SharedText xml;  ///< With `from` and `to` as above.

  /// Times that it came to a session that had just ended and was routed anew. Bounded, so that no
  /// stanza travels for ever.
  std::uint8_t reroutes = 0;

  /// When it was read from a client of this node, for metrics; unset when it came otherwise.
  std::chrono::steady_clock::time_point read_at{};

  MessageId id{};            ///< Of a message from a client.
  Ticket ticket{};           ///< Of a message from a client with XEP-0198, or from the store.
  bool is_restored = false;  ///< It comes from the offline store.

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

/// Empty: not such a message. The XML in it is not checked yet. A ticket is of the node that sent
/// it, which is for the caller to fill in.
std::optional<Arrival> decode_arrival(std::string_view payload);

}  // namespace server
