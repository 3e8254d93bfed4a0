#include "xmpp/stanza_head.h"

#include <algorithm>
#include <array>
#include <string>

#include "xmpp/element_scanner.h"
#include "xmpp/escape.h"
#include "xmpp/namespaces.h"

namespace xmpp {
namespace {

constexpr std::size_t scratch_bytes_max = 16384;  // Bigger ones are rare: their memory goes back.

StanzaKind kind_named(std::string_view name) {
  if (name == "message") return StanzaKind::message;
  if (name == "presence") return StanzaKind::presence;
  if (name == "iq") return StanzaKind::iq;
  return StanzaKind::other;
}

}  // namespace

StanzaHead StanzaHead::of(std::string_view bytes, const ElementScan& scan) {
  StanzaHead head;
  const ElementScan::TopTag& tag = scan.top_tag;
  if (scan.needs_normalize || scan.prefixes_used != 0 || scan.top.prefix_size != 0 ||
      tag.needs_decoding) {
    return head;
  }
  const std::string_view ns = scan.has_own_top_ns
                                  ? bytes.substr(scan.top_ns_begin, scan.top_ns_size)
                                  : scan.top_ns_inherited;
  if (ns != ns::client) return head;
  head.kind = kind_named(bytes.substr(scan.top.begin, scan.top.size));
  head.name_end = scan.top.begin + scan.top.size;
  const auto value = [&](const ElementScan::TopTag::Part& part) {
    return bytes.substr(part.value_begin, part.value_size);
  };
  // An attribute goes with the white space that parts it from what stands before.
  const auto span = [&](const ElementScan::TopTag::Part& part) {
    if (part.begin == 0) return ByteSpan{};
    std::uint32_t begin = part.begin;
    while (begin > head.name_end && bytes[begin - 1] == ' ') --begin;
    return ByteSpan{begin, part.value_begin + part.value_size + 1};
  };
  head.type = value(tag.type);
  head.from = value(tag.from);
  head.to = value(tag.to);
  head.from_span = span(tag.from);
  head.to_span = span(tag.to);
  head.ns_span = span(tag.ns);
  return head;
}

SharedText forwarded(std::string_view bytes, const StanzaHead& head, std::string_view from,
                     std::string_view to) {
  thread_local std::string out;  // For its memory.
  out.clear();
  out += bytes.substr(0, head.name_end);
  out += " from='";
  append_escaped_attr(out, from);
  out += "' to='";
  append_escaped_attr(out, to);
  out += '\'';
  std::array<ByteSpan, 3> left_out = {head.to_span, head.from_span, head.ns_span};
  std::sort(left_out.begin(), left_out.end(),
            [](const ByteSpan& a, const ByteSpan& b) { return a.begin < b.begin; });
  std::size_t at = head.name_end;
  for (const ByteSpan& span : left_out) {
    if (span.is_empty()) continue;
    out += bytes.substr(at, span.begin - at);
    at = span.end;
  }
  out += bytes.substr(at);
  SharedText text(out);
  if (out.capacity() > scratch_bytes_max) std::string().swap(out);
  return text;
}

}  // namespace xmpp
