#pragma once

#include <optional>
#include <string>

#include "server/session/session.h"
#include "server/stream/sasl_wire.h"
#include "xmpp/xml.h"

namespace server {

/// What a client wants to have done with its login, said in its `<authenticate/>` (XEP-0388 §2.4).
/// It is looked at when the client has proved who it is, but for its token.
struct LoginWishes {
  /// A former session (XEP-0198 §5), as the client writes it. Comes first; where that goes on,
  /// nothing is bound.
  struct Resume {
    std::string previd, h;
  };

  /// A new one (XEP-0386).
  struct Bind {
    std::string tag;  ///< What the client calls itself; may be empty, or no part of a JID.
    SessionWishes session;
  };

  TokenWishes tokens;
  std::optional<Resume> resume;
  std::optional<Bind> bind;

  /// The UUID of this installation of the client, in lower case; empty: it says none.
  const std::string& client() const { return tokens.client; }

  /// Absent: the element contradicts itself, or its UUID or its count is none.
  static std::optional<LoginWishes> of(const xmpp::Element& authenticate);
};

}  // namespace server
