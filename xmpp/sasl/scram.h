#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/error.h"
#include "xmpp/sasl/channel_binding.h"
#include "xmpp/sasl/mechanism.h"
#include "xmpp/sasl/sasl_error.h"
#include "xmpp/sasl/secret.h"

namespace xmpp {

enum class ScramHash : std::uint8_t { sha1, sha256 };

/// Bytes of a key: 20 or 32.
std::size_t scram_key_bytes(ScramHash hash) noexcept;
/// "SCRAM-SHA-1" or "SCRAM-SHA-256": the mechanism family, for storage.
std::string_view name(ScramHash hash) noexcept;
/// The hash of a SCRAM mechanism; `mechanism` is one.
ScramHash scram_hash(Mechanism mechanism) noexcept;

/// What a server keeps of a password (RFC 5802 §3); the password cannot be had from it.
struct ScramKeys {
  ScramHash hash = ScramHash::sha256;
  std::string salt;
  std::uint32_t iterations = 0;
  Secret stored_key;
  Secret server_key;
};

/// RFC 7677 §4 wants 4,096 at least; hardening T1 wants 10,000 of what we make.
inline constexpr std::uint32_t scram_iterations_default = 10'000;
inline constexpr std::size_t scram_salt_bytes = 16;

/// Random bytes of the operating system's quality. A failure of it ends the process.
std::string random_bytes(std::size_t size);

/// Hashes with `iterations` rounds (milliseconds: not for a loop). The password is prepared by
/// SASLprep (RFC 4013). Error: password_malformed.
Result<ScramKeys> derive_scram_keys(ScramHash hash, std::string_view password, std::string salt,
                                    std::uint32_t iterations);

/// Keys of nobody: the same salt for the same name each time, on every node with the same `secret`,
/// and no password that fits. For an unknown user (hardening P14).
ScramKeys fake_scram_keys(std::string_view secret, std::string_view username, ScramHash hash,
                          std::uint32_t iterations);

/// Whether `password` gives these keys: for PLAIN. Hashes, as derive_scram_keys.
bool is_password_of(const ScramKeys& keys, std::string_view password);

/// Prepared as RFC 4013 wants for a stored string. Error: password_malformed (also: over 1,023 B).
Result<std::string> sasl_prep(std::string_view text);

struct ScramServerOptions {
  Mechanism mechanism = Mechanism::scram_sha_256;
  bool is_plus_offered = false;  ///< A -PLUS mechanism was in the features of this stream.
  std::vector<ChannelBinding> bindings = {};  ///< What this connection has; none without TLS.
  std::string nonce = {};                     ///< For tests; empty: 18 random bytes, in base64.
};

/// The server's side of one SCRAM exchange: `begin`, then (having looked the keys up) `challenge`,
/// then `finish`. Each once and in this order. Hashes no password, so it may run on a loop.
class ScramServer {
 public:
  struct Identity {
    std::string authzid;   ///< Empty: the one that goes with `username`. The caller checks (P11).
    std::string username;  ///< Decoded, not yet prepared as a localpart.
  };

  explicit ScramServer(ScramServerOptions options);

  /// client-first-message. Errors: SaslError::malformed_request; SaslError::not_authorized where
  /// channel binding was stripped, or is of another type than this connection has (hardening P13).
  Result<Identity> begin(std::string_view client_first);

  /// server-first-message. `keys.hash` is that of the mechanism.
  std::string challenge(ScramKeys keys);

  /// client-final-message; the value is the server-final-message for `<success/>`.
  /// Errors: SaslError::malformed_request, SaslError::not_authorized.
  Result<std::string> finish(std::string_view client_final);

  /// Whether an error of begin or finish came from channel binding: counted apart (P13).
  bool is_binding_mismatch() const { return is_binding_mismatch_; }

 private:
  enum class Stage : std::uint8_t { begin, challenge, finish, done };

  ScramServerOptions options_;
  Stage stage_ = Stage::begin;
  bool is_binding_mismatch_ = false;
  std::string gs2_header_, binding_data_;
  std::string client_first_bare_, server_first_, nonce_;
  ScramKeys keys_;
};

/// What a client needs of a password for one salt: kept by the caller, one an account, so that a
/// second login need not hash again (RFC 5802 §3 allows it). Asked by salt and rounds.
struct SaltedPassword {
  ScramHash hash = ScramHash::sha256;
  std::string salt;
  std::uint32_t iterations = 0;
  Secret client_key;
  Secret server_key;
};

struct ScramClientOptions {
  Mechanism mechanism = Mechanism::scram_sha_256;
  std::string username = {};
  Secret password = {};
  std::string authzid = {};
  /// For -PLUS: what to bind to. For others: a type that is not empty means "this client could
  /// bind, but the server offered no -PLUS", which is flag y.
  ChannelBinding binding = {};
  SaltedPassword* cache = nullptr;  ///< Outlives the exchange, if given; read and written.
  std::string nonce = {};           ///< For tests; empty: random.
  std::uint32_t iterations_max = 10'000'000;  ///< More is refused: a server could stop us with it.
};

/// The client's side of one SCRAM exchange: `first`, `respond`, `verify`.
class ScramClient {
 public:
  explicit ScramClient(ScramClientOptions options);

  /// client-first-message.
  std::string first();

  /// From the server-first-message to the client-final-message. Hashes the password unless the
  /// cache has it. Errors: SaslError::malformed_request, SaslError::aborted (under 4,096 rounds or
  /// over the maximum, a nonce that is not ours), password_malformed.
  Result<std::string> respond(std::string_view server_first);

  /// The server-final-message: whether the server knows the keys too. Error:
  /// SaslError::not_authorized.
  Result<void> verify(std::string_view server_final) const;

 private:
  ScramClientOptions options_;
  std::string gs2_header_, client_first_bare_, nonce_, auth_message_;
  Secret server_key_;
};

}  // namespace xmpp
