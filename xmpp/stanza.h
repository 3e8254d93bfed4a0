#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "xmpp/error.h"
#include "xmpp/escape.h"
#include "xmpp/limits.h"
#include "xmpp/namespaces.h"
#include "xmpp/stanza_error.h"
#include "xmpp/stanza_kind.h"
#include "xmpp/xml.h"

namespace xmpp {

/// One first-level element of a stream as a tree: a message, a presence, an iq, or another one
/// (`<auth/>`, `<enable/>`, `<stream:features/>`), which has kind `other`.
///
/// Owns its tree, which comes from a pool of the thread and goes back to it. Never empty, but for
/// one that was moved from.
///
/// Threads: made, used and destroyed on one thread; what crosses to another is `to_string()`.
class Stanza {
 public:
  using Kind = StanzaKind;

  /// Reads one element. The bytes are checked by the rules of StreamParser first, whoever they come
  /// from (a stream, a WebSocket, a stored row, a peer: hardening X1, X15, K6). `default_ns` is
  /// what an element without `xmlns` is in.
  /// Errors: xml_malformed, xml_too_big.
  static Result<Stanza> parse(std::string_view element_bytes,
                              std::string_view default_ns = ns::client,
                              const StreamLimits& limits = StreamLimits::server());

  /// A new stanza in jabber:client. `kind` is not `other`; an empty `type` or `id` writes none.
  static Stanza make(Kind kind, std::string_view type = {}, std::string_view id = {});

  /// A new first-level element that is no stanza, such as `<a xmlns='urn:xmpp:sm:3'/>`.
  static Stanza make_element(std::string_view name, std::string_view ns);

  Stanza(Stanza&&) noexcept;
  Stanza& operator=(Stanza&&) noexcept;
  ~Stanza();
  /// A deep copy.
  Stanza copy() const;

  /// message, presence, iq by local name in the content namespaces (jabber:client, jabber:server,
  /// jabber:component:accept); all else is `other`.
  Kind kind() const { return kind_; }
  Element root() const { return Element(root_); }

  /// Attributes of the root; empty if absent.
  std::string_view type() const { return root().attr("type"); }
  std::string_view id() const { return root().attr("id"); }
  std::string_view from() const { return root().attr("from"); }
  std::string_view to() const { return root().attr("to"); }
  /// An empty value removes the attribute.
  void set_type(std::string_view value);
  void set_id(std::string_view value);
  void set_from(std::string_view value);
  void set_to(std::string_view value);

  /// The bytes to send in a stream whose default namespace is `default_ns`.
  std::string to_string(std::string_view default_ns = ns::client) const;

  /// Whether an error may be sent in answer: RFC 6120 §8.3.1 forbids it for errors, and a result
  /// answers something already (hardening S15).
  bool may_be_answered_with_error() const;

  /// The error in answer to this stanza: same kind and id, `to` and `from` swapped, the payload
  /// copied if it is at most 1 KiB (hardening S16). Not for kind `other`; the caller has asked
  /// may_be_answered_with_error().
  Stanza error_reply(StanzaErrorCondition condition, std::string_view text = {}) const;
  Stanza error_reply(StanzaErrorCondition condition, ErrorType type, std::string_view text) const;

  /// The empty result in answer to an iq of type get or set.
  Stanza result_reply() const;

 private:
  struct Document;  // The tinyxml2 document; xml_document.h.
  struct Pool;
  struct Recycle {
    void operator()(Document* document) const noexcept;
  };
  using DocumentPtr = std::unique_ptr<Document, Recycle>;

  Stanza(DocumentPtr document, tinyxml2::XMLElement* root, Kind kind);
  Stanza reply(std::string_view type) const;

  DocumentPtr document_;
  tinyxml2::XMLElement* root_ = nullptr;
  Kind kind_ = Kind::other;
};

/// The name of a stanza's element: "message", "presence", "iq"; "" for other.
std::string_view name(StanzaKind kind) noexcept;

}  // namespace xmpp
