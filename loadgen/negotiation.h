#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "loadgen/client_settings.h"
#include "loadgen/login.h"
#include "xmpp/stanza.h"

namespace loadgen {

/// What the client has to do next.
struct NegotiationStep {
  enum class Kind : std::uint8_t {
    wait,            // For more of the server's elements.
    send,            // `text`.
    start_tls,       // At once, under this stream; then on_secured().
    restart_stream,  // A new header over the same connection.
    online,          // The session is there, a new one.
    resumed,         // The former session is there; `text` is the server's count of our stanzas.
    failed,          // `text` says why.
  };
  Kind kind = Kind::wait;
  std::string text;
};

/// A session that a client had and wants back (XEP-0198 §5).
struct FormerSession {
  std::string id{};     // As the server gave it; empty: there is none.
  std::uint32_t h = 0;  // The server's stanzas that came.
};

/// How a client gets from an open stream to a session: STARTTLS, the account (XEP-0077), SASL, its
/// former session (XEP-0198 §5), or else binding, the legacy session (RFC 3921), acknowledgements;
/// or what of this comes behind the account in one round trip (XEP-0388).
/// Without I/O: takes the server's elements, says what is to be done.
class Negotiation {
 public:
  /// `registers`: make the account on the way. `memory` is read and written where the settings say
  /// that logins are inlined. All that is given outlives this.
  Negotiation(const ClientSettings& settings, const Account& account, SaltedKeys& keys,
              LoginMemory& memory, bool registers, FormerSession former = {})
      : settings_(settings),
        account_(account),
        keys_(keys),
        memory_(memory),
        former_(std::move(former)),
        registers_(registers) {}

  /// TLS is up; the stream begins anew. `ssl` lives until the negotiation is over.
  void on_secured(SSL* ssl);

  NegotiationStep on_element(const xmpp::Stanza& element);

  /// The account is there, made now or known before.
  [[nodiscard]] bool has_registered() const { return registered_; }
  /// With `online`: both sides count stanzas.
  [[nodiscard]] bool has_stream_management() const { return stream_management_; }
  /// With `online`: how the session is called if it can be resumed; else empty.
  [[nodiscard]] const std::string& resume_id() const { return resume_id_; }

 private:
  enum class Stage : std::uint8_t {
    features,     // Stream opened, features awaited (before the login).
    starttls,     // Asked for TLS.
    registering,  // Asked for the account.
    login,        // SASL.
    resuming,     // Asked for the former session.
    binding,      // Stream opened again; features, then the resource.
    session,      // Asked for the legacy session.
    enabling,     // Asked for XEP-0198.
  };

  NegotiationStep on_features(const xmpp::Element& features);
  NegotiationStep on_login(const LoginStep& step);
  NegotiationStep on_answer(const xmpp::Stanza& iq);
  NegotiationStep on_inline_success(const xmpp::Element& success);
  NegotiationStep begin_login();
  [[nodiscard]] std::string login_wishes() const;
  void on_enabled(const xmpp::Element& enabled);
  NegotiationStep begin_session(const xmpp::Element& features);
  NegotiationStep bind();
  NegotiationStep after_bind();

  const ClientSettings& settings_;
  const Account& account_;
  SaltedKeys& keys_;
  LoginMemory& memory_;
  const FormerSession former_;
  std::string resume_id_;
  SSL* ssl_ = nullptr;  // Null until TLS is up.
  std::unique_ptr<Login> login_;
  bool is_inlined_ = false;                           // The login is one of XEP-0388, …
  bool has_token_ = false;                            // … with a token, …
  std::optional<xmpp::TokenMechanism> wanted_token_;  // … or for one.
  Stage stage_ = Stage::features;
  bool registers_;
  bool registered_ = false;
  bool offers_stream_management_ = false;
  bool needs_session_ = false;
  bool stream_management_ = false;
};

/// The name of the condition inside an error, of whatever namespace.
std::string condition_of(const xmpp::Element& error);

}  // namespace loadgen
