#include "xmpp/element_scanner.h"

#include <cassert>

#include "xmpp/characters.h"
#include "xmpp/namespaces.h"

// Each state looks at one item at a time and decides only when it has seen all of the item, or
// enough to know that nothing can make it right. An item that the bytes end in is looked at again
// from its start; such items are short (a name, a reference, a character), so that a peer who sends
// single bytes costs little. All else moves scan_.position on.

namespace xmpp {

using characters::is;

const StreamScope& StreamScope::usual() {
  static const StreamScope scope = {
      .prefixes = {{std::string("stream"), std::string(ns::stream)}},
  };
  return scope;
}

void ElementScan::restart(bool is_prolog) {
  state = is_prolog ? State::prolog : State::content;
  quote = 0;
  is_header = is_prolog;
  saw_space = has_declaration = needs_normalize = has_blank_text = false;
  has_own_top_ns = false;
  attributes_count = declarations_count = 0;
  position = run_begin = elements = prefixes_used = 0;
  top_ns_inherited = {};
  top_tag = {};
  open.clear();
  attributes.clear();
  bindings.clear();
}

ElementScanner::Outcome ElementScanner::run() {
  while (true) {
    switch (step()) {
      case Step::go_on:
        continue;
      case Step::incomplete:
        return Outcome::incomplete;
      case Step::header:
        return Outcome::header;
      case Step::element:
        return Outcome::element;
      case Step::stream_close:
        return Outcome::stream_close;
      case Step::failed:
        return Outcome::failed;
    }
  }
}

ElementScanner::Step ElementScanner::step() {
  using State = ElementScan::State;
  switch (scan_.state) {
    case State::prolog:
      return prolog();
    case State::declaration:
      return declaration();
    case State::content:
      return content();
    case State::tag_name:
      return tag_name();
    case State::in_tag:
      return in_tag();
    case State::equals:
      return equals();
    case State::quote:
      return quote();
    case State::value:
      return value();
    case State::cdata:
      return cdata();
    case State::end_name:
      return end_name();
    case State::end_space:
      return end_space();
  }
  assert(false);
  return Step::failed;
}

ElementScanner::Step ElementScanner::content() {
  std::size_t at = scan_.position;
  while (true) {
    at = characters::skip_text(bytes_, at);
    if (at == bytes_.size()) {
      return wait(at);
    }
    const char c = bytes_[at];
    if (c == '<') {
      // A run of white space alone: looked for here, as only its first byte is to be looked at
      // in the usual case.
      if (at > scan_.run_begin && !scan_.has_blank_text &&
          is(bytes_[scan_.run_begin], characters::space)) {
        scan_.has_blank_text = characters::skip_space(bytes_, scan_.run_begin) == at;
      }
      return markup(at);
    }
    Step step = Step::go_on;
    if (c == '&') {
      step = reference(at);
    } else if (c == ']') {
      // XML 1.0 §2.4: `]]>` must not stand in character data.
      const std::string_view ahead = bytes_.substr(at, 3);
      if (ahead == "]]>") {
        return fail_malformed("']]>' in text");
      }
      if (ahead == "]" || ahead == "]]") {
        return wait(at);
      }
      ++at;
    } else if (c == '\r') {
      scan_.needs_normalize = true;
      ++at;
    } else {
      step = character(at);
    }
    if (step != Step::go_on) {
      return step;
    }
  }
}

ElementScanner::Step ElementScanner::markup(std::size_t at) {
  constexpr std::string_view cdata_open = "<![CDATA[";
  if (at + 1 == bytes_.size()) {
    return wait(at);
  }
  const char c = bytes_[at + 1];
  if (is(c, characters::name_start)) {
    return enter(ElementScan::State::tag_name, at + 1);
  }
  if (c == '/') {
    return enter(ElementScan::State::end_name, at + 2);
  }
  if (c == '?') {
    return fail(StreamErrorCondition::restricted_xml, "processing instruction");
  }
  if (c != '!') {
    std::size_t behind = at + 1;
    const Step step = character(behind);
    return step == Step::go_on        ? fail_malformed("no name after '<'")
           : step == Step::incomplete ? wait(at)
                                      : step;
  }
  const std::string_view ahead = bytes_.substr(at, cdata_open.size());
  if (ahead == cdata_open && !scan_.open.empty()) {
    if (++scan_.elements > limits_.elements_max) {
      return fail_limit("too many elements");
    }
    return enter(ElementScan::State::cdata, at + cdata_open.size());
  }
  if (ahead == cdata_open) {
    return fail(StreamErrorCondition::bad_format, "text between elements");
  }
  if (cdata_open.starts_with(ahead)) {
    return wait(at);
  }
  if (ahead[2] == '-' || is(ahead[2], characters::name_start)) {
    return fail(StreamErrorCondition::restricted_xml, "comment or declaration");
  }
  return fail_malformed("malformed markup");
}

ElementScanner::Step ElementScanner::cdata() {
  std::size_t at = scan_.position;
  while (true) {
    at = characters::skip_text(bytes_, at);
    if (at == bytes_.size()) {
      return wait(at);
    }
    const char c = bytes_[at];
    if (c == '<' || c == '&') {
      ++at;
    } else if (c == ']') {
      const std::string_view ahead = bytes_.substr(at, 3);
      if (ahead == "]]>") {
        scan_.run_begin = static_cast<std::uint32_t>(at + 3);
        return enter(ElementScan::State::content, at + 3);
      }
      if (ahead == "]" || ahead == "]]") {
        return wait(at);
      }
      ++at;
    } else if (c == '\r') {
      scan_.needs_normalize = true;
      ++at;
    } else if (const Step step = character(at); step != Step::go_on) {
      return step;
    }
  }
}

ElementScanner::Step ElementScanner::tag_name() {
  ElementScan::Name tag;
  std::size_t behind = 0;
  const std::size_t begin = scan_.position;
  if (const Step step = name(begin, tag, behind); step != Step::go_on) {
    return step;
  }
  if (++scan_.elements > limits_.elements_max) {
    return fail_limit("too many elements");
  }
  if (scan_.open.size() >= limits_.depth_max) {
    return fail_limit("too deep");
  }
  if (scan_.open.empty()) {
    scan_.top = tag;
  }
  scan_.open.push_back({tag, static_cast<std::uint16_t>(scan_.bindings.size())});
  scan_.attributes.clear();
  scan_.attributes_count = scan_.declarations_count = 0;
  scan_.saw_space = false;
  return enter(ElementScan::State::in_tag, behind);
}

ElementScanner::Step ElementScanner::in_tag() {
  const std::size_t at = characters::skip_space(bytes_, scan_.position);
  scan_.saw_space |= at != scan_.position;
  if (at == bytes_.size()) {
    return wait(at);
  }
  const char c = bytes_[at];
  if (c == '>') {
    return start_tag_end(false, at + 1);
  }
  if (c == '/') {
    if (at + 1 == bytes_.size()) {
      return wait(at);
    }
    return bytes_[at + 1] == '>' ? start_tag_end(true, at + 2) : fail_malformed("'/' in a tag");
  }
  if (!scan_.saw_space) {
    return fail_malformed("no space before an attribute");
  }
  return attribute_name(at);
}

ElementScanner::Step ElementScanner::attribute_name(std::size_t at) {
  ElementScan::Attribute attribute;
  std::size_t behind = 0;
  if (const Step step = name(at, attribute.name, behind); step != Step::go_on) {
    return step;
  }
  const bool is_declaration = prefix(attribute.name) == "xmlns" ||
                              text(attribute.name.begin, attribute.name.size) == "xmlns";
  if (is_declaration ? ++scan_.declarations_count > limits_.declarations_max
                     : ++scan_.attributes_count > limits_.attributes_max) {
    return fail_limit("too many attributes");
  }
  scan_.attributes.push_back(attribute);
  return enter(ElementScan::State::equals, behind);
}

ElementScanner::Step ElementScanner::equals() {
  const std::size_t at = characters::skip_space(bytes_, scan_.position);
  if (at == bytes_.size()) {
    return wait(at);
  }
  return bytes_[at] == '=' ? enter(ElementScan::State::quote, at + 1)
                           : fail_malformed("attribute without a value");
}

ElementScanner::Step ElementScanner::quote() {
  const std::size_t at = characters::skip_space(bytes_, scan_.position);
  if (at == bytes_.size()) {
    return wait(at);
  }
  if (bytes_[at] != '"' && bytes_[at] != '\'') {
    return fail_malformed("attribute without quotes");
  }
  scan_.quote = bytes_[at];
  scan_.attributes.back().value_begin = static_cast<std::uint32_t>(at + 1);
  return enter(ElementScan::State::value, at + 1);
}

ElementScanner::Step ElementScanner::value() {
  std::size_t at = scan_.position;
  while (true) {
    while (at < bytes_.size() && is(bytes_[at], characters::value_plain)) ++at;
    if (at == bytes_.size()) {
      return wait(at);
    }
    const char c = bytes_[at];
    if (c == scan_.quote) {
      ElementScan::Attribute& attribute = scan_.attributes.back();
      attribute.value_size = static_cast<std::uint32_t>(at) - attribute.value_begin;
      scan_.saw_space = false;
      return enter(ElementScan::State::in_tag, at + 1);
    }
    Step step = Step::go_on;
    if (c == '"' || c == '\'') {
      ++at;
    } else if (c == '&') {
      scan_.attributes.back().needs_decoding = true;
      step = reference(at);
    } else if (c == '<') {
      return fail_malformed("'<' in an attribute");
    } else if (is(c, characters::space)) {
      scan_.attributes.back().needs_decoding = true;
      scan_.needs_normalize = true;  // SP is plain, so this is TAB, LF or CR.
      ++at;
    } else {
      step = character(at);
    }
    if (step != Step::go_on) {
      return step;
    }
  }
}

ElementScanner::Step ElementScanner::start_tag_end(bool is_empty, std::size_t behind) {
  const bool is_top = scan_.open.size() == 1;
  if (!declare() || !check_attributes()) {
    return Step::failed;
  }
  if (is_top) {
    if (!resolve_top()) {
      return Step::failed;
    }
    note_top_tag();
  }
  if (scan_.is_header) {
    scan_.position = static_cast<std::uint32_t>(behind);
    return is_empty ? fail(StreamErrorCondition::bad_format, "empty stream") : Step::header;
  }
  if (!is_top && scan_.open.back().name.prefix_size != 0) {
    std::string_view uri;
    bool has_references = false;
    if (!is_bound(scan_.open.back().name, uri, has_references, nullptr)) {
      return fail(StreamErrorCondition::bad_namespace_prefix, "unbound prefix");
    }
  }
  scan_.run_begin = static_cast<std::uint32_t>(behind);
  enter(ElementScan::State::content, behind);
  if (!is_empty) {
    return Step::go_on;
  }
  return end_tag();
}

ElementScanner::Step ElementScanner::end_tag() {
  scan_.bindings.resize(scan_.open.back().bindings);
  scan_.open.pop_back();
  return scan_.open.empty() ? Step::element : Step::go_on;
}

ElementScanner::Step ElementScanner::end_name() {
  const bool is_stream = scan_.open.empty();
  const std::string_view expected =
      is_stream ? std::string_view(scope_.qname)
                : text(scan_.open.back().name.begin, scan_.open.back().name.size);
  const std::string_view ahead = bytes_.substr(scan_.position, expected.size());
  if (!expected.starts_with(ahead)) {
    return fail_malformed("end tag does not match");
  }
  if (ahead.size() < expected.size()) {
    return wait(scan_.position);
  }
  return enter(ElementScan::State::end_space, scan_.position + expected.size());
}

ElementScanner::Step ElementScanner::end_space() {
  const std::size_t at = characters::skip_space(bytes_, scan_.position);
  if (at == bytes_.size()) {
    return wait(at);
  }
  if (bytes_[at] != '>') {
    return fail_malformed("junk in an end tag");
  }
  scan_.run_begin = static_cast<std::uint32_t>(at + 1);
  enter(ElementScan::State::content, at + 1);
  return scan_.open.empty() ? Step::stream_close : end_tag();
}

}  // namespace xmpp
