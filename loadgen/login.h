#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/tls.h"
#include "xmpp/sasl/hashed_token.h"
#include "xmpp/sasl/secret.h"

namespace loadgen {

/// Which SASL mechanisms a client may take.
enum class AuthChoice { best, scram_sha_256, scram_sha_1, plain };

/// What to do after a server's SASL element.
struct LoginStep {
  enum class Kind { send, success, failure } kind = Kind::failure;
  std::string text;  // Base64 to send, or the reason.
};

/// What a client keeps from one login by XEP-0388 to the next.
struct LoginMemory {
  std::string client_id = {};  // The UUID of this "installation".
  xmpp::Secret token = {};     // XEP-0484; empty: none.
  xmpp::TokenMechanism mechanism = xmpp::TokenMechanism::none;
};

/// Salted passwords that clients keep, as real ones do, so that a reconnect storm loads the server
/// and not our own PBKDF2. Accounts that share salt, rounds and password share an entry.
class SaltedKeys;
struct SaltedKeysFree {
  void operator()(SaltedKeys* keys) const;
};
std::unique_ptr<SaltedKeys, SaltedKeysFree> make_salted_keys();

/// One SASL exchange of a client, in whichever form it is written (RFC 6120 §6, XEP-0388).
class Login {
 public:
  virtual ~Login() = default;
  [[nodiscard]] virtual std::string_view mechanism() const = 0;
  /// The message to begin with, in base64.
  virtual std::string first() = 0;
  /// `name` is the element's local name, `text` its base64 content.
  virtual LoginStep on_element(std::string_view name, std::string_view text,
                               std::string_view condition) = 0;
};

/// Picks the strongest of `offered` that `choice` allows; null when there is none. PLAIN is taken
/// only under TLS or when it was asked for by name. A -PLUS form is taken where the server names
/// tls-exporter among its bindings (XEP-0440) and this connection has it.
struct LoginOffer {
  std::vector<std::string> mechanisms;
  std::vector<std::string> token_mechanisms;  // Of XEP-0484.
  bool tls_exporter = false;
  SSL* ssl = nullptr;  // Null without TLS.
};
std::unique_ptr<Login> start_login(AuthChoice choice, const LoginOffer& offer,
                                   std::string_view user, std::string_view password,
                                   SaltedKeys& keys);

/// By the token that the client has; null where it has none that the server would take.
std::unique_ptr<Login> start_token_login(const LoginOffer& offer, std::string_view user,
                                         const LoginMemory& memory);

/// As `LoginMemory::client_id`.
std::string random_uuid();

/// The mechanism to ask a token for; absent where the server offers none that we have.
std::optional<xmpp::TokenMechanism> wanted_token(const LoginOffer& offer);

}  // namespace loadgen
