#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/storage/token_store.h"
#include "xmpp/sasl/hashed_token.h"
#include "xmpp/xml.h"

namespace server {

/// The two ways to write a SASL dialogue: RFC 6120 §6 and XEP-0388.
enum class SaslForm : std::uint8_t { rfc6120, xep0388 };

/// What a client says of tokens (XEP-0484) in its `<authenticate/>`.
struct TokenWishes {
  /// Of `<fast/>`: it logs in with a token.
  struct Use {
    std::optional<std::uint64_t> count{};  ///< How often it has.
    bool is_last = false;                  ///< From now on nobody may.
  };

  std::string client{};  ///< Whose tokens: a UUID; empty: it does not say.
  std::optional<Use> use{};
  std::optional<xmpp::TokenMechanism> wanted{};  ///< A token for this mechanism.
};

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

  TokenWishes tokens = {};  ///< Not read by of(): see LoginWishes.

  /// The step that an element of either namespace is, if it is one of the client's.
  static std::optional<SaslStep> of(const xmpp::Element& element);
};

/// What a step came to.
struct SaslOutcome {
  enum class Kind : std::uint8_t { challenge, success, failure } kind = Kind::failure;
  std::string payload = {};  ///< Base64; for a failure the condition's name (RFC 6120 §6.5).
  std::string local = {};    ///< On success: the account that logged in, …
  std::optional<LoginToken> token = {};  ///< … and what its client gets.

  /// The answer. Not for a success of XEP-0388, which tells more: see success_xml().
  std::string to_xml(SaslForm form) const;
};

/// `<token/>` of XEP-0484.
std::string token_xml(const LoginToken& token);

/// `<success/>` of XEP-0388: with the mechanism's last word, in base64 (empty: none), the JID that
/// has logged in, and what came of the client's wishes.
std::string success_xml(std::string_view payload, std::string_view jid, std::string_view answers);

}  // namespace server
