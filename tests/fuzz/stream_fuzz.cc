// Whatever StreamParser accepts, expat and tinyxml2 read as the same tree; and slices of any size
// get the same verdict (hardening X1 to X6, X9 to X12).
//
// Input: bytes of a stream. Where they hold no `<stream:stream`, a usual header goes before them.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/expat_tree.h"
#include "tests/xmpp/stream_text.h"
#include "xmpp/stanza.h"
#include "xmpp/stream_parser.h"

namespace xmpp {
namespace {

using testing::ExpatElement;

[[noreturn]] void report(const char* what, std::string_view stream, std::string_view detail = {}) {
  std::fprintf(stderr, "%s\nstream: %.*s\n%.*s\n", what, static_cast<int>(stream.size()),
               stream.data(), static_cast<int>(detail.size()), detail.data());
  std::abort();
}

/// Compares the tree below `element` with expat's, from `at` on; moves `at` behind it.
bool is_same_tree(Element element, const std::vector<ExpatElement>& expected, std::size_t& at,
                  int depth) {
  if (at == expected.size() || expected[at].depth != depth) {
    return false;
  }
  const ExpatElement& other = expected[at++];
  if (element.name() != other.name || element.ns() != other.ns || element.text() != other.text) {
    return false;
  }
  for (const auto& [key, value] : other.attributes) {
    if (!element.has_attr(key.c_str()) || element.attr(key.c_str()) != value) {
      return false;
    }
  }
  for (const Element child : children(element)) {
    if (!is_same_tree(child, expected, at, depth + 1)) {
      return false;
    }
  }
  return true;
}

void check_element(std::string_view bytes, std::string_view default_ns,
                   const std::vector<ExpatElement>& expected, std::string_view stream) {
  const Result<Stanza> stanza = Stanza::parse(bytes, default_ns);
  if (stanza.has_error()) {
    report("accepted by StreamParser, refused by Stanza", stream, bytes);
  }
  std::size_t at = 0;
  if (!is_same_tree(stanza->root(), expected, at, 2) || at != expected.size()) {
    report("expat and tinyxml2 see different trees", stream, bytes);
  }
  // Printed and read by expat again, it is still the same: also attributes that we would have
  // made up.
  const std::string printed = stanza->to_string(default_ns);
  std::string document = "<w xmlns='";
  document.append(escape_attr(default_ns)).append("'>").append(printed).append("</w>");
  const auto again = testing::expat_children(document);
  if (again.size() != 1 || again[0] != expected) {
    report("printed and read again it is another tree", stream, printed);
  }
  const Result<Stanza> twice = Stanza::parse(printed, default_ns);
  if (twice.has_error() || twice->to_string(default_ns) != printed) {
    report("printing is not stable", stream, printed);
  }
}

void check_stream(const std::string& stream) {
  const std::string verdict = testing::verdict(stream, stream.size());
  for (const std::size_t slice : {1, 3, 64}) {
    if (testing::verdict(stream, slice) != verdict) {
      report("the verdict depends on the slices", stream, verdict);
    }
  }
  const auto expected = testing::expat_children(stream);
  StreamParser parser(StreamLimits::after_login());
  std::string_view input = stream;
  std::string default_ns;
  std::size_t elements = 0;
  while (true) {
    switch (parser.next(input)) {
      case StreamParser::Event::stream_open:
        default_ns = parser.header().default_ns;
        break;
      case StreamParser::Event::element:
        if (elements == expected.size()) {
          report("accepted by StreamParser, refused by expat", stream, parser.element());
        }
        check_element(parser.element(), default_ns, expected[elements], stream);
        if (parser.top_name() != expected[elements][0].name ||
            parser.top_ns() != expected[elements][0].ns) {
          report("StreamParser names the element otherwise than expat", stream, parser.element());
        }
        ++elements;
        break;
      case StreamParser::Event::need_more:
      case StreamParser::Event::stream_close:
      case StreamParser::Event::error:
        return;
    }
  }
}

}  // namespace
}  // namespace xmpp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string stream(reinterpret_cast<const char*>(data), size);
  if (stream.find("<stream:stream") == stream.npos) {
    stream.insert(0, xmpp::testing::client_header);
  }
  xmpp::check_stream(stream);
  return 0;
}
