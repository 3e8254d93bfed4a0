#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/jid.h"
#include "xmpp/xml.h"

namespace server {

/// What an account wants archived (XEP-0441).
struct ArchivePrefs {
  enum class Default { always, never, roster };

  /// The document that holds an account's; an account without one has these.
  static constexpr const char* document_name = "archive-prefs";

  /// In each of the lists.
  static constexpr std::size_t jids_max = 1'000;

  Default by_default = Default::always;
  std::vector<xmpp::Jid> always, never;

  /// From a `<prefs/>` element. Empty when it is none, a JID is malformed, or a list is too long.
  static std::optional<ArchivePrefs> parse(const xmpp::Element& prefs);

  /// From what to_string() wrote. What is empty or cannot be read are the prefs of an account that
  /// has none: better too much is kept than too little (hardening X15).
  static ArchivePrefs read(const std::string& document);

  std::string to_string() const;

  /// Whether a message from or to `contact` is kept; empty where the roster has to be asked. A
  /// listed bare JID stands for all its resources, and what is never kept comes first.
  std::optional<bool> wants(const xmpp::Jid& contact) const;
};

}  // namespace server
