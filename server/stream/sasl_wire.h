#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "xmpp/xml.h"

namespace server {

/// The two ways to write a SASL dialogue: RFC 6120 §6 and XEP-0388.
enum class SaslForm : std::uint8_t { rfc6120, xep0388 };

/// One element of the client's in a SASL dialogue.
struct SaslStep {
  enum class Kind : std::uint8_t {
    begin,
    response,
    abort,
    malformed  ///< What the element asks for cannot be understood.
  } kind = Kind::abort;
  SaslForm form = SaslForm::rfc6120;
  std::string mechanism = {};

  /// Base64. Absent where the client begins with nothing.
  std::optional<std::string> payload = {};

  /// The step that an element of either namespace is, if it is one of the client's.
  static std::optional<SaslStep> of(const xmpp::Element& element);
};

/// What a step came to.
struct SaslOutcome {
  enum class Kind : std::uint8_t { challenge, success, failure } kind = Kind::failure;
  std::string payload = {};  ///< Base64; for a failure the condition's name (RFC 6120 §6.5).
  std::string local = {};    ///< On success: the account that logged in.

  /// The answer. Not for a success of XEP-0388, which tells more: see success_xml().
  std::string to_xml(SaslForm form) const;
};

/// `<success/>` of XEP-0388: with the mechanism's last word, in base64 (empty: none), the JID that
/// has logged in, and what came of the client's wishes.
std::string success_xml(std::string_view payload, std::string_view jid, std::string_view answers);

}  // namespace server
