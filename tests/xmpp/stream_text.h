#pragma once

#include <string>
#include <string_view>

#include "xmpp/stream_parser.h"

namespace xmpp::testing {

inline constexpr std::string_view client_header =
    "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";

/// All that a parser says to `bytes`, given `slice_bytes` at a time, one line an event:
/// `open`, `element NS NAME BYTES`, `close`, `error CONDITION REASON after N`.
inline std::string verdict(std::string_view bytes, std::size_t slice_bytes,
                           const StreamLimits& limits = StreamLimits::after_login()) {
  StreamParser parser(limits);
  std::string said;
  for (std::size_t at = 0; at < bytes.size(); at += slice_bytes) {
    // A copy of its own: reading past the slice is then seen by the sanitizers.
    const std::string slice(bytes.substr(at, slice_bytes));
    std::string_view input = slice;
    while (true) {
      const StreamParser::Event event = parser.next(input);
      if (event == StreamParser::Event::need_more) {
        break;
      }
      if (event == StreamParser::Event::error) {
        return said.append("error ")
            .append(name(parser.error()))
            .append(": ")
            .append(parser.error_reason())
            .append("\n");
      }
      if (event == StreamParser::Event::stream_open) {
        said += "open\n";
      } else if (event == StreamParser::Event::stream_close) {
        said += "close\n";
      } else {
        said.append("element ")
            .append(parser.top_ns())
            .append(" ")
            .append(parser.top_name())
            .append(" ")
            .append(parser.element())
            .append("\n");
      }
    }
  }
  return parser.has_partial() ? said + "partial\n" : said;
}

/// What is said to `element` behind an opened stream, which has to be the same for all slicings.
inline std::string say(std::string_view element,
                       const StreamLimits& limits = StreamLimits::after_login()) {
  const std::string bytes = std::string(client_header) + std::string(element);
  const std::string whole = verdict(bytes, bytes.size(), limits);
  for (const std::size_t slice_bytes : {1, 7}) {
    if (const std::string sliced = verdict(bytes, slice_bytes, limits); sliced != whole) {
      return "the verdict depends on the slices:\n" + whole + sliced;
    }
  }
  constexpr std::string_view opened = "open\n";
  return whole.starts_with(opened) ? whole.substr(opened.size()) : whole;
}

}  // namespace xmpp::testing
