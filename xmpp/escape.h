#pragma once

#include <string>
#include <string_view>

namespace xmpp {

/// Whether `text` is UTF-8 (RFC 3629: shortest forms, no surrogates) made of XML 1.0 Chars alone.
bool is_xml_text(std::string_view text) noexcept;

/// Whether `text` is UTF-8 (RFC 3629). U+0000 counts as a character here.
bool is_utf8(std::string_view text) noexcept;

/// `text` as character data: `&`, `<`, `>` and CR as references. What is no UTF-8 or no XML Char
/// becomes U+FFFD, so that our output is well-formed whatever a caller hands in (hardening X4,
/// X13).
std::string escape_text(std::string_view text);

/// `text` as the value of an attribute in either kind of quote: also `"`, `'`, TAB and LF as
/// references, as a reader would turn them into spaces (hardening X12).
std::string escape_attr(std::string_view text);

/// The same, added to the end of `out`.
void append_escaped_text(std::string& out, std::string_view text);
void append_escaped_attr(std::string& out, std::string_view text);

}  // namespace xmpp
