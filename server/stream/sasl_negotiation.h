#pragma once

#include <openssl/ssl.h>

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/storage/blocking_pool.h"
#include "server/storage/token_store.h"
#include "server/storage/user_store.h"
#include "server/stream/sasl_wire.h"
#include "xmpp/sasl/hashed_token.h"
#include "xmpp/sasl/mechanism.h"
#include "xmpp/sasl/plain.h"
#include "xmpp/sasl/scram.h"

namespace server {

class TlsContext;

/// What ties a login to the TLS connection it runs in (RFC 5056). Empty without TLS.
struct ChannelBindings {
  std::vector<xmpp::ChannelBinding> bindings;  ///< Best first.

  /// Those of an established connection: `tls-exporter` (RFC 9266) on TLS 1.3, and
  /// `tls-server-end-point`. `ssl` may be null.
  static ChannelBindings of(SSL* ssl, const TlsContext& context);
};

/// Where a login takes place.
struct SaslSetting {
  /// Names in the order offered; the -PLUS ones are offered only where a channel binding is.
  const std::vector<std::string>& mechanisms;
  std::string domain;  ///< The stream's.
  std::string from;    ///< Who the client says it is, as in its stream's header.
  UserStore& users;
  TokenStore* tokens = nullptr;  ///< Null: no logins by token. They need TLS, too.
  BlockingPool& hashing;
  std::string fake_salt_secret;
  ChannelBindings bindings;
};

/// The server's side of a stream's SASL dialogue: one try after another, one at a time. The two
/// forms of it (SaslForm) differ in how they are written alone.
///
/// An account that does not exist costs the same work and gets the same answers as a wrong password
/// (hardening P14); a database that is away is `temporary-auth-failure`, never `not-authorized`.
///
/// Threads: lives on its stream's loop; derives keys of PLAIN passwords on the hashing pool.
class SaslNegotiation {
 public:
  explicit SaslNegotiation(SaslSetting setting);

  /// `<mechanisms/>`, `<authentication/>` (XEP-0388) and, with TLS, `<sasl-channel-binding/>`
  /// (XEP-0440).
  std::string features() const;

  asio::awaitable<SaslOutcome> take(SaslStep step);

 private:
  asio::awaitable<SaslOutcome> advance(SaslStep step);
  asio::awaitable<SaslOutcome> begin(SaslStep step);
  asio::awaitable<SaslOutcome> first(std::string message);
  asio::awaitable<SaslOutcome> with_token(xmpp::TokenMechanism mechanism, SaslStep step);
  asio::awaitable<void> give_token(SaslOutcome& outcome);
  asio::awaitable<SaslOutcome> scram_first(std::string message);
  SaslOutcome scram_final(std::string_view message);
  asio::awaitable<SaslOutcome> plain(std::string message);
  SaslOutcome failure(xmpp::SaslError error);

  /// The prepared local part of an account name, if it can be one of this domain.
  std::optional<std::string> local_of(std::string_view name) const;
  bool is_own(std::string_view authorization, std::string_view local) const;
  bool is_claimed(std::string_view local) const;

  /// Of this connection; null where it has none of the type.
  const xmpp::ChannelBinding* binding(std::string_view type) const;
  bool is_offered(xmpp::TokenMechanism mechanism) const;

  SaslSetting setting_;
  std::vector<xmpp::Mechanism> offered_;

  // The try that is under way.
  std::optional<xmpp::Mechanism> mechanism_;
  SaslForm form_ = SaslForm::rfc6120;
  std::optional<xmpp::ScramServer> scram_;
  bool expects_initial_ = false;  // It began without a payload, which is in the next response.
  bool is_known_ = false;
  std::string local_;
  TokenWishes tokens_;
  xmpp::Secret password_key_;  // Of the account: what its tokens are made with.
};

}  // namespace server
