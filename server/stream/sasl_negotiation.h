#pragma once

#include <openssl/ssl.h>

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/storage/blocking_pool.h"
#include "server/storage/user_store.h"
#include "xmpp/sasl/mechanism.h"
#include "xmpp/sasl/plain.h"
#include "xmpp/sasl/scram.h"
#include "xmpp/xml.h"

namespace server {

class TlsContext;

/// What ties a login to the TLS connection it runs in (RFC 5056). Empty without TLS.
struct ChannelBindings {
  std::vector<xmpp::ChannelBinding> bindings;  ///< Best first.

  /// Those of an established connection: `tls-exporter` (RFC 9266) on TLS 1.3, and
  /// `tls-server-end-point`. `ssl` may be null.
  static ChannelBindings of(SSL* ssl, const TlsContext& context);
};

/// One element of the client's in a SASL dialogue (RFC 6120 §6.4).
struct SaslStep {
  enum class Kind { auth, response, abort } kind = Kind::abort;
  std::string mechanism;
  std::string payload;  ///< As on the wire: base64, `=` for empty, or nothing.

  /// The step that an element of the SASL namespace is, if it is one of the client's.
  static std::optional<SaslStep> of(const xmpp::Element& element);
};

/// What a step came to.
struct SaslOutcome {
  enum class Kind { challenge, success, failure } kind = Kind::failure;
  std::string payload;  ///< Base64; for a failure the condition's name (RFC 6120 §6.5).
  std::string local;    ///< On success: the account that logged in.

  std::string to_xml() const;
};

/// The server's side of a stream's SASL dialogue: one try after another, one at a time.
///
/// An account that does not exist costs the same work and gets the same answers as a wrong password
/// (hardening P14); a database that is away is `temporary-auth-failure`, never `not-authorized`.
///
/// Threads: lives on its stream's loop; derives keys of PLAIN passwords on the hashing pool.
class SaslNegotiation {
 public:
  /// `mechanisms` are names in the order offered; the -PLUS ones are offered only where a channel
  /// binding is. `domain` is the stream's.
  SaslNegotiation(const std::vector<std::string>& mechanisms, std::string domain, UserStore& users,
                  BlockingPool& hashing, std::string fake_salt_secret, ChannelBindings bindings);

  /// `<mechanisms/>` and, with TLS, `<sasl-channel-binding/>` (XEP-0440).
  std::string features() const;

  asio::awaitable<SaslOutcome> take(SaslStep step);

 private:
  asio::awaitable<SaslOutcome> begin(SaslStep step);
  asio::awaitable<SaslOutcome> scram_first(std::string message);
  SaslOutcome scram_final(std::string_view message);
  asio::awaitable<SaslOutcome> plain(std::string message);
  SaslOutcome failure(xmpp::SaslError error);

  /// The prepared local part of an account name, if it can be one of this domain.
  std::optional<std::string> local_of(std::string_view name) const;
  bool is_own(std::string_view authorization, std::string_view local) const;

  std::vector<xmpp::Mechanism> offered_;
  std::string domain_;
  UserStore& users_;
  BlockingPool& hashing_;
  std::string fake_salt_secret_;
  ChannelBindings bindings_;

  // The try that is under way.
  std::optional<xmpp::Mechanism> mechanism_;
  std::optional<xmpp::ScramServer> scram_;
  bool expects_initial_ = false;  // `<auth/>` came without a payload: it is in the next response.
  bool is_known_ = false;
  std::string local_;
};

}  // namespace server
