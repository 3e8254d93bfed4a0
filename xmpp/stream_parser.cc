#include "xmpp/stream_parser.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "xmpp/characters.h"
#include "xmpp/element_scanner.h"
#include "xmpp/escape.h"
#include "xmpp/namespaces.h"
#include "xmpp/normalize.h"

namespace xmpp {
namespace {

constexpr std::size_t step_bytes_min = 4096;  // A tail grows by this or twofold, whatever is more.

const StreamScope& header_scope() {
  static const StreamScope scope{.qname = "", .default_ns = "", .prefixes = {}};
  return scope;
}

}  // namespace

StreamParser::StreamParser(StreamLimits limits) : limits_(limits) {}
StreamParser::~StreamParser() = default;
StreamParser::StreamParser(StreamParser&&) noexcept = default;
StreamParser& StreamParser::operator=(StreamParser&&) noexcept = default;

void StreamParser::reset() {
  release();
  std::string().swap(tail_);
  scan_.reset();
  scope_.reset();
  reason_ = nullptr;
  is_too_big_ = false;
  phase_ = Phase::prolog;
}

const StreamHeader& StreamParser::header() const {
  assert(header_ != nullptr);
  return *header_;
}

std::string StreamParser::error_detail() const {
  return is_too_big_ ? "<stanza-too-big xmlns='urn:xmpp:errors'/>" : "";
}

void StreamParser::release() {
  header_.reset();
  element_ = top_name_ = top_ns_ = {};
  wire_bytes_ = 0;
  if (is_tail_yielded_) {
    std::string().swap(tail_);
    is_tail_yielded_ = false;
  }
}

StreamParser::Event StreamParser::fail(StreamErrorCondition condition, const char* reason,
                                       bool is_too_big) {
  release();
  std::string().swap(tail_);
  scan_.reset();
  phase_ = Phase::failed;
  error_ = condition;
  reason_ = reason;
  is_too_big_ = is_too_big;
  return Event::error;
}

StreamParser::Event StreamParser::next(std::string_view& input) {
  StanzaHead unread;
  return next(input, unread);
}

StreamParser::Event StreamParser::next(std::string_view& input, StanzaHead& head) {
  release();
  if (phase_ == Phase::failed) {
    return Event::error;
  }
  if (scan_ != nullptr) {
    return scan_tail(input, head);
  }
  // RFC 6120 §4.6.1: white space between first-level elements keeps the connection alive.
  input.remove_prefix(characters::skip_space(input, 0));
  if (input.empty()) {
    return Event::need_more;
  }
  if (phase_ == Phase::closed) {
    return fail(StreamErrorCondition::not_well_formed, "data after the end of the stream");
  }
  return scan_input(input, head);
}

StreamParser::Event StreamParser::scan_input(std::string_view& input, StanzaHead& head) {
  // Most elements come whole: their state never needs memory of its own.
  static thread_local ElementScan scratch;
  scratch.restart(phase_ == Phase::prolog);
  const std::string_view bytes = input.substr(0, limits_.bytes_max);
  const Event event = finish(scratch, bytes, false, head);
  if (event == Event::need_more) {
    tail_.assign(input);
    input = {};
    scan_ = std::make_unique<ElementScan>(scratch);
  } else if (event != Event::error) {
    input.remove_prefix(scratch.position);
  }
  return event;
}

StreamParser::Event StreamParser::scan_tail(std::string_view& input, StanzaHead& head) {
  while (!input.empty()) {
    const std::size_t held = tail_.size();
    const std::size_t room = limits_.bytes_max > held ? limits_.bytes_max - held : 0;
    const std::size_t step = std::min({input.size(), room, std::max(step_bytes_min, held)});
    tail_.append(input.substr(0, step));
    std::unique_ptr<ElementScan> scan = std::move(scan_);
    const Event event = finish(*scan, tail_, true, head);
    if (event == Event::error) {
      return event;
    }
    if (event != Event::need_more) {
      // What was appended of the next element goes back to the input.
      input.remove_prefix(scan->position - held);
      return event;
    }
    scan_ = std::move(scan);
    input.remove_prefix(step);
  }
  return Event::need_more;
}

StreamParser::Event StreamParser::finish(ElementScan& scan, std::string_view bytes, bool is_in_tail,
                                         StanzaHead& head) {
  const StreamScope& scope = phase_ == Phase::prolog ? header_scope()
                             : scope_ != nullptr     ? *scope_
                                                     : StreamScope::usual();
  if (phase_ == Phase::open && scan.position == 0 && bytes[0] != '<') {
    std::size_t at = 0;
    const characters::Decoded character = characters::decode(bytes, at);
    if (character.size < 0 && bytes.size() < limits_.bytes_max) {
      return Event::need_more;
    }
    return character.size > 0 && characters::is_xml_char(character.code_point)
               ? fail(StreamErrorCondition::bad_format, "text between elements")
               : fail(StreamErrorCondition::not_well_formed, "bytes are not UTF-8");
  }
  ElementScanner scanner(bytes, scan, limits_, scope);
  switch (scanner.run()) {
    case ElementScanner::Outcome::incomplete:
      if (bytes.size() >= limits_.bytes_max) {
        return fail(StreamErrorCondition::policy_violation, "too many bytes", true);
      }
      return Event::need_more;
    case ElementScanner::Outcome::header:
      return finish_header(scan, bytes);
    case ElementScanner::Outcome::element:
      finish_element(scan, bytes.substr(0, scan.position), is_in_tail);
      head = StanzaHead::of(element_, scan);
      return Event::element;
    case ElementScanner::Outcome::stream_close:
      std::string().swap(tail_);
      phase_ = Phase::closed;
      return Event::stream_close;
    case ElementScanner::Outcome::failed:
      break;
  }
  // hardening, limits: before and after login an element over any of them is "too big".
  return fail(scanner.condition(), scanner.reason(), scanner.is_over_limit());
}

StreamParser::Event StreamParser::finish_header(const ElementScan& scan, std::string_view bytes) {
  const std::string_view qname = bytes.substr(scan.top.begin, scan.top.size);
  const std::string_view uri = scan.has_own_top_ns
                                   ? bytes.substr(scan.top_ns_begin, scan.top_ns_size)
                                   : scan.top_ns_inherited;
  if (uri != ns::stream) {
    return fail(StreamErrorCondition::invalid_namespace, "not in the namespace of streams");
  }
  if (qname.substr(scan.top.prefix_size == 0 ? 0 : scan.top.prefix_size + 1u) != "stream") {
    return fail(StreamErrorCondition::bad_format, "not a stream");
  }
  auto header = std::make_unique<StreamHeader>();
  auto scope = std::make_unique<StreamScope>();
  scope->qname = qname;
  scope->default_ns.clear();
  for (const ElementScan::Attribute& attribute : scan.attributes) {
    const std::string_view name = bytes.substr(attribute.name.begin, attribute.name.size);
    std::string value = decode_attribute(bytes.substr(attribute.value_begin, attribute.value_size));
    if (name == "xmlns") {
      scope->default_ns = value;
    } else if (name.starts_with("xmlns:")) {
      if (scope->prefixes.size() == 32) {  // The bits of ElementScan::prefixes_used.
        return fail(StreamErrorCondition::policy_violation, "too many attributes", true);
      }
      scope->prefixes.emplace_back(name.substr(6), std::move(value));
    } else if (name == "to") {
      header->to = std::move(value);
    } else if (name == "from") {
      header->from = std::move(value);
    } else if (name == "id") {
      header->id = std::move(value);
    } else if (name == "version") {
      header->version = std::move(value);
    } else if (name == "xml:lang") {
      header->lang = std::move(value);
    }
  }
  header->default_ns = scope->default_ns;
  const StreamScope& usual = StreamScope::usual();
  const bool is_usual = scope->qname == usual.qname && scope->default_ns == usual.default_ns &&
                        scope->prefixes == usual.prefixes;
  scope_ = is_usual ? nullptr : std::move(scope);
  header_ = std::move(header);
  std::string().swap(tail_);
  phase_ = Phase::open;
  return Event::stream_open;
}

void StreamParser::finish_element(const ElementScan& scan, std::string_view bytes,
                                  bool is_in_tail) {
  wire_bytes_ = static_cast<std::uint32_t>(bytes.size());
  const bool is_rewritten = scan.needs_normalize || scan.prefixes_used != 0;
  std::string own_ns;
  if (is_rewritten) {
    if (scan.has_own_top_ns) {
      own_ns = bytes.substr(scan.top_ns_begin, scan.top_ns_size);
    }
    const StreamScope& scope = scope_ != nullptr ? *scope_ : StreamScope::usual();
    std::string declarations;
    for (std::size_t i = 0; i < scope.prefixes.size(); ++i) {
      if ((scan.prefixes_used >> i & 1) != 0) {
        declarations.append(" xmlns:").append(scope.prefixes[i].first).append("='");
        append_escaped_attr(declarations, scope.prefixes[i].second);
        declarations += "'";
      }
    }
    tail_ = normalize_element(bytes, scan.top.begin + scan.top.size, declarations);
    element_ = tail_;
  } else if (is_in_tail) {
    tail_.resize(bytes.size());
    element_ = tail_;
  } else {
    element_ = bytes;
  }
  is_tail_yielded_ = is_rewritten || is_in_tail;
  const std::size_t skip = scan.top.prefix_size == 0 ? 0u : scan.top.prefix_size + 1u;
  top_name_ = element_.substr(scan.top.begin + skip, scan.top.size - skip);
  if (!scan.has_own_top_ns) {
    top_ns_ = scan.top_ns_inherited;
  } else if (is_rewritten) {
    // Its place may have moved; any place with the same bytes serves.
    top_ns_ = element_.substr(element_.find(own_ns), own_ns.size());
  } else {
    top_ns_ = element_.substr(scan.top_ns_begin, scan.top_ns_size);
  }
}

}  // namespace xmpp
