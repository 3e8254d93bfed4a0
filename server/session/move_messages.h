#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/router/router.h"
#include "server/session/session_state.h"

namespace server {

/// What two loops say to each other while a session moves from the giver to the taker; see
/// SessionMoves. Bytes: docs/protocol.md.
enum class MoveStep : std::uint8_t {
  request = 1,   ///< Taker: a client wants to resume that session of yours.
  refused = 2,   ///< Giver: it cannot.
  state = 3,     ///< Giver: here it is.
  copy = 4,      ///< Giver: a stanza that the session had, or that came for it since.
  bound = 5,     ///< Taker: all nodes know that it is here.
  end = 6,       ///< Giver: nothing more will come for it.
  done = 7,      ///< Taker: it has all; forget it.
  declined = 8,  ///< Taker: it does not take what it was given.
};

enum class MoveRefusal : std::uint8_t {
  gone = 0,      ///< There is none, or it is not this client's, which are not told apart.
  moving = 1,    ///< It is on its way to somewhere: look again.
  too_high = 2,  ///< The client has acknowledged more than it was sent.
};

struct MoveRequest {
  SessionId session = 0;
  std::uint16_t taker_loop = 0;
  std::uint64_t number = 0;  ///< The taker's, for its answer.
  xmpp::StanzaCount h = 0;
  xmpp::Jid jid{};
  ResumeToken token{};
};

struct MoveRefused {
  std::uint64_t number = 0;
  MoveRefusal why = MoveRefusal::gone;
  xmpp::StanzaCount sent = 0;  ///< For too_high.
};

/// Names a move: the session where it was.
struct MoveOrigin {
  std::uint16_t loop = 0;
  SessionId session = 0;

  auto operator<=>(const MoveOrigin&) const = default;
};

struct MoveState {
  MoveOrigin origin{};
  std::uint64_t number = 0;  ///< Of the request; 0: it is handed over unasked.
  SessionState state{};
};

struct MoveCopy {
  MoveOrigin origin{};
  bool is_forwarded = false;  ///< It came after the state had gone, and nobody has looked at it.
  RoutedStanza stanza{};
};

struct MoveEnd {
  MoveOrigin origin{};
  bool has_mail = false;  ///< Something is in the offline store for the account.
};

std::string encode(const MoveRequest& request);
std::string encode(const MoveRefused& refused);
std::string encode(const MoveState& state);
/// `owner` answers for the stanza's message, if it has a ticket.
std::string encode(const MoveCopy& copy, const replication::NodeId& owner);
std::string encode(const MoveEnd& end);
/// `bound`, `done` and `declined` name the giver's session alone.
std::string encode(MoveStep step, SessionId session);

// Each takes what follows the step; empty when it is not such a message.
std::optional<MoveRequest> decode_move_request(std::string_view bytes);
std::optional<MoveRefused> decode_move_refused(std::string_view bytes);
std::optional<MoveState> decode_move_state(std::string_view bytes);
/// `router` knows the nodes by name. The XML is checked (hardening K6).
std::optional<MoveCopy> decode_move_copy(std::string_view bytes, const Router& router);
std::optional<MoveEnd> decode_move_end(std::string_view bytes);
std::optional<SessionId> decode_move_session(std::string_view bytes);

}  // namespace server
