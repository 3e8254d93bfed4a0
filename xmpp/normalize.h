#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace xmpp {

/// What a checked attribute value says: references resolved, white space as spaces (XML 1.0
/// §3.3.3).
std::string decode_attribute(std::string_view raw);

/// A checked element's bytes with `declarations` inserted at `insert_at`, line ends as LF (XML 1.0
/// §2.11), and TAB, LF, CR in attribute values as spaces.
std::string normalize_element(std::string_view bytes, std::size_t insert_at,
                              std::string_view declarations);

/// A checked and normalised element's bytes with the first byte of each run of white space alone
/// written as a reference. tinyxml2 loses such runs, and reads these.
std::string protect_blank_text(std::string_view bytes);

}  // namespace xmpp
