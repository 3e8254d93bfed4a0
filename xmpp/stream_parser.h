#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "xmpp/limits.h"
#include "xmpp/stanza_head.h"
#include "xmpp/stream_error.h"

namespace xmpp {

struct ElementScan;  // Where the scanner is in an element; element_scanner.h.
struct StreamScope;  // What an unusual stream header declared; element_scanner.h.

/// What a `<stream:stream>` tag says. Values are decoded; an attribute that is absent is empty.
struct StreamHeader {
  std::string to, from, id, version, lang;
  std::string default_ns;  ///< Of the children that say nothing else; mostly "jabber:client".
};

/// Cuts an XML stream into its first-level elements, and lets only that pass which every XML parser
/// reads alike. The security boundary: what it yields may be given to tinyxml2.
///
/// One pass, fed with slices of any size; the verdict, and the byte that it falls on, are the same
/// for all slicings. RFC 6120 §11 is obeyed to the letter: no DTD, comment, processing instruction,
/// or entity but the five (`<restricted-xml/>`, `<not-well-formed/>`), strict UTF-8 and XML Char,
/// bound prefixes (`<bad-namespace-prefix/>`), limits (`<policy-violation/>`). See hardening §2.
///
/// Stricter than XML 1.0, on purpose: names of elements, attributes and prefixes are ASCII
/// (`<bad-format/>`); a character reference has at most eight digits; a first-level element in the
/// stream's default namespace carries no prefix (`<bad-namespace-prefix/>`, RFC 6120 §4.8.5), and
/// the namespace name of a first-level element is written without references.
///
/// What it yields stands alone, but for the default namespace (`StreamHeader::default_ns`): where
/// an element uses a prefix that the stream header declares, such as `stream:features`, the
/// declaration is written into its start tag. Line ends are normalised (XML 1.0 §2.11), and white
/// space in attribute values becomes spaces (§3.3.3). Elements that need none of it, nearly all,
/// come byte for byte.
///
/// Memory: under 200 bytes and nothing on the heap while no element is unfinished; then the bytes
/// of that element and some state of it, within the limits.
///
/// Usage: call `next(input)` until it says need_more; it then has taken all of `input`.
///
/// Threads: a value with no home; one thread at a time.
class StreamParser {
 public:
  enum class Event {
    need_more,     ///< All of the input is taken. White space between elements gives no event.
    stream_open,   ///< `header()` is valid until the next call.
    element,       ///< `element()`, `top_name()`, `top_ns()` are valid until the next call.
    stream_close,  ///< `</stream:stream>`. Only white space may follow.
    error,         ///< `error()`; final, each further call says so again.
  };

  explicit StreamParser(StreamLimits limits = StreamLimits::before_login());
  ~StreamParser();
  StreamParser(StreamParser&&) noexcept;
  StreamParser& operator=(StreamParser&&) noexcept;

  /// Consumes bytes from the front of `input` up to the next event. After element `head` is the
  /// element's, of kind `other` if it has none; valid as long as element().
  Event next(std::string_view& input, StanzaHead& head);
  Event next(std::string_view& input);

  /// After stream_open.
  const StreamHeader& header() const;

  /// After element: the bytes of one complete first-level element. They lie in what was given to
  /// next() when the element lay whole in it, else in this object.
  std::string_view element() const { return element_; }
  /// The local name and the resolved namespace of that element.
  std::string_view top_name() const { return top_name_; }
  std::string_view top_ns() const { return top_ns_; }
  /// The element's bytes as they were on the wire (they may differ from element().size()).
  std::size_t element_wire_bytes() const { return wire_bytes_; }

  /// After error: what to tell the peer.
  StreamErrorCondition error() const { return error_; }
  /// After error: the application element for stream_error_xml (such as `<stanza-too-big/>`), or
  /// "".
  std::string error_detail() const;
  /// After error: why, in a few words for the log. Never contains what the peer sent.
  std::string_view error_reason() const { return reason_ == nullptr ? "" : reason_; }

  /// Between elements (no partial): from here on these limits. Only at the next element.
  void set_limits(const StreamLimits& limits) { limits_ = limits; }
  const StreamLimits& limits() const { return limits_; }

  /// For a stream restart (RFC 6120 §4.3.3): the next thing must be a header. Drops what is
  /// partial.
  void reset();

  /// Whether bytes of an unfinished element are held, and how many.
  bool has_partial() const { return scan_ != nullptr; }
  std::size_t partial_bytes() const { return has_partial() ? tail_.size() : 0; }

 private:
  enum class Phase : std::uint8_t { prolog, open, closed, failed };

  Event scan_input(std::string_view& input, StanzaHead& head);
  Event scan_tail(std::string_view& input, StanzaHead& head);
  Event finish(ElementScan& scan, std::string_view bytes, bool is_in_tail, StanzaHead& head);
  Event finish_header(const ElementScan& scan, std::string_view bytes);
  void finish_element(const ElementScan& scan, std::string_view bytes, bool is_in_tail);
  Event fail(StreamErrorCondition condition, const char* reason, bool is_too_big = false);
  void release();

  StreamLimits limits_;
  Phase phase_ = Phase::prolog;
  StreamErrorCondition error_ = StreamErrorCondition::undefined_condition;
  bool is_too_big_ = false;
  bool is_tail_yielded_ = false;  // `element_` lies in `tail_`, which the next call releases.
  std::uint32_t wire_bytes_ = 0;
  const char* reason_ = nullptr;
  std::string tail_;                      // The bytes of the unfinished element.
  std::unique_ptr<ElementScan> scan_;     // Its state; null when nothing is unfinished.
  std::unique_ptr<StreamScope> scope_;    // Null for the usual header: jabber:client and `stream`.
  std::unique_ptr<StreamHeader> header_;  // Only between stream_open and the next call.
  std::string_view element_, top_name_, top_ns_;
};

}  // namespace xmpp
