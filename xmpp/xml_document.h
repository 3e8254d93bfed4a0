#pragma once

#include <tinyxml2.h>

#include <cstddef>

#include "xmpp/stanza.h"

namespace xmpp {

/// A tinyxml2 document, which keeps the memory of its nodes when it is emptied: so it is used
/// again.
struct Stanza::Document {
  tinyxml2::XMLDocument xml{true, tinyxml2::PRESERVE_WHITESPACE};
  std::size_t parsed_bytes = 0;  // One that held much is not kept.

  /// From this thread's pool, empty.
  static DocumentPtr make();
};

}  // namespace xmpp
