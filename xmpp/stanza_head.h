#pragma once

#include <cstdint>
#include <string_view>

#include "xmpp/shared_text.h"
#include "xmpp/stanza_kind.h"

namespace xmpp {

struct ElementScan;

/// A part of a stanza's bytes.
struct ByteSpan {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;  ///< Behind the last; `begin` for none.

  bool is_empty() const { return begin == end; }
};

/// What routing reads of a stanza, taken from its start tag without a tree; and the way to send the
/// stanza's own bytes on with addresses of ours.
///
/// There is one only of a stanza in jabber:client whose `to`, `from` and `type` hold no
/// references and whose bytes stand alone (StreamParser rewrote nothing): nearly all are so, and
/// the others take the way through Stanza. Both ways give the same stanza (hardening X14).
///
/// Views and spans are of the stanza's bytes.
struct StanzaHead {
  StanzaKind kind = StanzaKind::other;
  std::string_view type, from, to;  ///< As written; empty when absent.

  std::uint32_t name_end = 0;  ///< Behind the element's name.
  /// The attributes that are not sent on as they are, each with the space before it.
  ByteSpan to_span, from_span, ns_span;

  /// The head of the element that `scan` has just gone over; kind `other` when there is none.
  static StanzaHead of(std::string_view bytes, const ElementScan& scan);
};

/// The stanza `bytes`, whose head is `head`, with `from` and `to` in place of its own, for a stream
/// whose default namespace is jabber:client. All else goes on byte for byte; `from` and `to` are
/// plain text.
SharedText forwarded(std::string_view bytes, const StanzaHead& head, std::string_view from,
                     std::string_view to);

}  // namespace xmpp
