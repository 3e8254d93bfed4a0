#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "xmpp/jid.h"

namespace server {

/// A message that takes back an earlier one of its sender's (XEP-0424).
struct Retraction {
  std::string id;      ///< Its own.
  std::string target;  ///< That of the message that it takes back.
};

/// Empty when `stanza` takes nothing back, or cannot be told from others as it has no id.
std::optional<Retraction> retraction_in(std::string_view stanza);

/// What an archive has to say of a message that a retraction may mean.
enum class Retractable {
  no,       ///< It is another message, or of another sender.
  yes,      ///< It has to go.
  is_gone,  ///< It has gone by this very retraction.
};
Retractable look_for(const Retraction& retraction, const xmpp::Jid& sender,
                     std::string_view archived);

/// What is left of `archived` when it has been taken back: who wrote it to whom, its id, and by
/// which message and when (microseconds since 1970) it was.
std::string tombstone_of(std::string_view archived, const Retraction& retraction, std::uint64_t at);

}  // namespace server
