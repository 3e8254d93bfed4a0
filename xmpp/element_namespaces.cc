// The part of ElementScanner that is about start tags: the prolog, and names resolved to
// namespaces (Namespaces in XML 1.0).

#include <algorithm>

#include "xmpp/characters.h"
#include "xmpp/element_scanner.h"
#include "xmpp/namespaces.h"
#include "xmpp/normalize.h"

namespace xmpp {
namespace {

bool is_encoding_utf8(std::string_view name) {
  constexpr std::string_view utf8 = "utf-8";
  return std::equal(name.begin(), name.end(), utf8.begin(), utf8.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
  });
}

/// Takes ` name = "value"` off the front of an XML declaration's inside.
bool take_pseudo_attribute(std::string_view& rest, std::string_view name, std::string_view& value) {
  std::size_t at = characters::skip_space(rest, 0);
  if (at == 0 || !rest.substr(at).starts_with(name)) {
    return false;
  }
  at = characters::skip_space(rest, at + name.size());
  if (at == rest.size() || rest[at] != '=') {
    return false;
  }
  at = characters::skip_space(rest, at + 1);
  if (at == rest.size() || (rest[at] != '"' && rest[at] != '\'')) {
    return false;
  }
  const std::size_t end = rest.find(rest[at], at + 1);
  if (end == rest.npos) {
    return false;
  }
  value = rest.substr(at + 1, end - at - 1);
  rest.remove_prefix(end + 1);
  return true;
}

}  // namespace

ElementScanner::Step ElementScanner::prolog() {
  const std::size_t at = characters::skip_space(bytes_, scan_.position);
  if (at == bytes_.size()) {
    return wait(at);
  }
  const auto first = static_cast<unsigned char>(bytes_[at]);
  // RFC 6120 §11.6: only UTF-8. Both byte order marks of UTF-16, and its '<' without one.
  if (at == 0 && (first == 0xfe || first == 0xff || first == 0)) {
    return fail(StreamErrorCondition::unsupported_encoding, "UTF-16 or UTF-32");
  }
  if (first != '<') {
    return fail_malformed("no XML");
  }
  const std::string_view ahead = bytes_.substr(at, 6);
  if (ahead.size() > 1 && ahead[1] == '\0') {
    return fail(StreamErrorCondition::unsupported_encoding, "UTF-16 or UTF-32");
  }
  if (ahead.size() > 1 && ahead[1] != '?') {
    return ahead[1] == '/' ? fail_malformed("end tag without a stream") : markup(at);
  }
  if (std::string_view("<?xml").starts_with(ahead)) {
    return wait(at);
  }
  if (!ahead.starts_with("<?xml") || !characters::is(ahead[5], characters::space)) {
    return fail(StreamErrorCondition::restricted_xml, "processing instruction");
  }
  if (scan_.has_declaration) {
    return fail_malformed("second XML declaration");
  }
  scan_.has_declaration = true;
  return enter(ElementScan::State::declaration, at + 5);
}

ElementScanner::Step ElementScanner::declaration() {
  constexpr std::size_t size_max = 256;  // The longest useful one has 70 bytes.
  const std::size_t begin = scan_.position;
  std::string_view inside = bytes_.substr(begin, size_max);
  const std::size_t end = inside.find("?>");
  if (end == inside.npos) {
    return inside.size() < size_max ? wait(begin) : fail_malformed("malformed XML declaration");
  }
  inside = inside.substr(0, end);
  std::string_view version, encoding = "utf-8", standalone = "yes";
  if (!take_pseudo_attribute(inside, "version", version) || version != "1.0") {
    return fail_malformed("not XML 1.0");
  }
  take_pseudo_attribute(inside, "encoding", encoding);
  take_pseudo_attribute(inside, "standalone", standalone);
  if (characters::skip_space(inside, 0) != inside.size() ||
      (standalone != "yes" && standalone != "no")) {
    return fail_malformed("malformed XML declaration");
  }
  if (!is_encoding_utf8(encoding)) {
    return fail(StreamErrorCondition::unsupported_encoding, "declared encoding is not UTF-8");
  }
  return enter(ElementScan::State::prolog, begin + end + 2);
}

bool ElementScanner::declare() {
  if (scan_.declarations_count == 0) {
    return true;
  }
  for (const ElementScan::Attribute& attribute : scan_.attributes) {
    const bool has_prefix = prefix(attribute.name) == "xmlns";
    if (!has_prefix && text(attribute.name.begin, attribute.name.size) != "xmlns") {
      continue;
    }
    const std::string_view raw = text(attribute.value_begin, attribute.value_size);
    const std::string decoded = attribute.needs_decoding ? decode_attribute(raw) : std::string();
    const std::string_view uri = attribute.needs_decoding ? decoded : raw;
    const std::string_view declared = has_prefix ? local(attribute.name) : std::string_view();
    // Namespaces in XML 1.0 §3: `xmlns` is not to be declared and `xml` only as what it is; no
    // other prefix may be bound to their namespaces, and none to nothing (§2.2).
    const bool is_reserved = declared == "xmlns" || uri == ns::xmlns ||
                             (declared == "xml") != (uri == ns::xml) || (has_prefix && uri.empty());
    if (is_reserved) {
      fail(StreamErrorCondition::invalid_namespace, "reserved or empty namespace declared");
      return false;
    }
    if (scan_.bindings.size() >= limits_.in_scope_max) {
      fail_limit("too many namespaces in scope");
      return false;
    }
    ElementScan::Binding binding;
    if (has_prefix) {
      binding.prefix_begin = static_cast<std::uint32_t>(declared.data() - bytes_.data());
    }
    binding.prefix_size = static_cast<std::uint16_t>(declared.size());
    binding.uri_begin = attribute.value_begin;
    binding.uri_size = attribute.value_size;
    binding.has_references = attribute.needs_decoding;
    scan_.bindings.push_back(binding);
  }
  return true;
}

bool ElementScanner::is_bound(ElementScan::Name name, std::string_view& uri, bool& has_references,
                              const ElementScan::Binding** own) {
  const std::string_view wanted = prefix(name);
  has_references = false;
  for (std::size_t i = scan_.bindings.size(); i-- > 0;) {
    const ElementScan::Binding& binding = scan_.bindings[i];
    if (text(binding.prefix_begin, binding.prefix_size) == wanted) {
      uri = text(binding.uri_begin, binding.uri_size);
      has_references = binding.has_references;
      if (own != nullptr) {
        *own = &binding;
      }
      return true;
    }
  }
  if (wanted.empty()) {
    uri = scope_.default_ns;
    return true;
  }
  if (wanted == "xml") {
    uri = ns::xml;
    return true;
  }
  for (std::size_t i = 0; i < scope_.prefixes.size(); ++i) {
    if (scope_.prefixes[i].first == wanted) {
      uri = scope_.prefixes[i].second;
      scan_.prefixes_used |= std::uint32_t{1} << i;
      return true;
    }
  }
  return false;
}

bool ElementScanner::check_attributes() {
  const std::vector<ElementScan::Attribute>& attributes = scan_.attributes;
  bool has_prefixes = false;
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    const ElementScan::Name& name = attributes[i].name;
    for (std::size_t j = 0; j < i; ++j) {
      if (attributes[j].name.size == name.size &&
          text(attributes[j].name.begin, name.size) == text(name.begin, name.size)) {
        fail_malformed("attribute twice");
        return false;
      }
    }
    has_prefixes |= name.prefix_size != 0;
  }
  if (!has_prefixes) {
    return true;
  }
  // Two prefixes for one namespace must not make one attribute stand twice either.
  struct Resolved {
    std::string_view local, uri;
    bool has_references;
  };
  std::vector<Resolved> resolved;
  for (const ElementScan::Attribute& attribute : attributes) {
    if (attribute.name.prefix_size == 0 || prefix(attribute.name) == "xmlns") {
      continue;
    }
    Resolved one{local(attribute.name), {}, false};
    if (!is_bound(attribute.name, one.uri, one.has_references, nullptr)) {
      fail(StreamErrorCondition::bad_namespace_prefix, "unbound prefix");
      return false;
    }
    for (const Resolved& other : resolved) {
      if (other.local != one.local) {
        continue;
      }
      const bool is_same = other.has_references || one.has_references
                               ? decode_attribute(other.uri) == decode_attribute(one.uri)
                               : other.uri == one.uri;
      if (is_same) {
        fail_malformed("attribute twice");
        return false;
      }
    }
    resolved.push_back(one);
  }
  return true;
}

bool ElementScanner::resolve_top() {
  std::string_view uri;
  bool has_references = false;
  const ElementScan::Binding* own = nullptr;
  if (!is_bound(scan_.top, uri, has_references, &own)) {
    fail(StreamErrorCondition::bad_namespace_prefix, "unbound prefix");
    return false;
  }
  if (has_references && !scope_.allows_references_in_ns) {
    fail(StreamErrorCondition::invalid_namespace, "namespace with references");
    return false;
  }
  scan_.has_own_top_ns = own != nullptr;
  if (own != nullptr) {
    scan_.top_ns_begin = own->uri_begin;
    scan_.top_ns_size = own->uri_size;
  } else {
    scan_.top_ns_inherited = uri;
  }
  // RFC 6120 §4.8.5: what is in the content namespace carries no prefix.
  if (scan_.top.prefix_size != 0 && uri == scope_.default_ns) {
    fail(StreamErrorCondition::bad_namespace_prefix, "prefix on a stanza");
    return false;
  }
  return true;
}

void ElementScanner::note_top_tag() {
  ElementScan::TopTag& tag = scan_.top_tag;
  for (const ElementScan::Attribute& attribute : scan_.attributes) {
    const std::string_view name = text(attribute.name.begin, attribute.name.size);
    ElementScan::TopTag::Part* part = name == "to"      ? &tag.to
                                      : name == "from"  ? &tag.from
                                      : name == "type"  ? &tag.type
                                      : name == "xmlns" ? &tag.ns
                                                        : nullptr;
    if (part == nullptr) {
      continue;
    }
    *part = {attribute.name.begin, attribute.value_begin, attribute.value_size};
    tag.needs_decoding |= attribute.needs_decoding;
  }
}

}  // namespace xmpp
