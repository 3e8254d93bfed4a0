#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/config/config.h"
#include "server/session/session.h"
#include "server/session/stream_output.h"
#include "server/storage/blocking_pool.h"
#include "server/storage/user_store.h"
#include "server/stream/connection.h"
#include "server/stream/login_pacer.h"
#include "server/stream/sasl_negotiation.h"
#include "server/stream/tls_context.h"
#include "xmpp/stream_parser.h"

namespace server {

/// What the client streams of a node have in common. Outlives every stream; [any loop].
struct StreamServices {
  const Config& config;
  UserStore& users;
  BlockingPool& hashing;
  SessionServices session;

  /// The certificate in use: replaced as a whole on reload.
  std::atomic<std::shared_ptr<const TlsContext>> tls = nullptr;

  /// For salts of accounts that do not exist; the same on all nodes (hardening P14).
  std::string fake_salt_secret = {};

  /// Above `[limits] login_rate` logins wait.
  LoginPacer login_pacer{config.limits.login_rate.per_second};

  /// Whether new sessions are taken: false while cordoned, draining, or before the node has joined.
  std::atomic<bool> accepts_sessions = true;

  /// Bound sessions of this node.
  std::atomic<std::uint64_t> sessions = 0;

  /// Registration before login (XEP-0077), if it is on: answers an IQ from outside any account.
  std::function<void(const xmpp::Stanza& iq, std::string domain,
                     std::function<void(const xmpp::Stanza&)> reply, asio::any_io_executor home)>
      register_account = nullptr;
};

/// A client's XML stream, from accept to close: negotiation by RFC 6120, then a Session.
///
/// One table decides what may come in which phase (see `on_element`): before TLS only STARTTLS,
/// before login only SASL, before binding only the bind request. What else comes ends the stream
/// with the error that RFC 6120 §4.9.3 has for it.
///
/// Threads: lives on its loop. Kept alive by its loop's registry until on_ended.
class ClientStream final : public std::enable_shared_from_this<ClientStream>,
                           public Connection::Owner,
                           public StreamOutput {
 public:
  enum class Transport { starttls, direct_tls };

  /// `ended(stream)` is called once, when nothing of the stream is left to do.
  ClientStream(RoutedLoop& home, StreamServices& services, asio::ip::tcp::socket socket,
               Transport transport, std::function<void(ClientStream&)> ended);
  ~ClientStream();

  void start();

  bool write(std::shared_ptr<const std::string> bytes) override;
  void close(xmpp::StreamErrorCondition condition, std::string_view text = {},
             std::string_view application_xml = {}) override;

  void on_bytes(std::string_view bytes) override;
  void on_tls_established() override;
  void on_disconnected(boost::system::error_code error) override;

  /// Called about every `Loop::tick_interval`: ends what is past its deadline.
  void on_tick();

  bool is_bound() const { return phase_ == Phase::bound; }
  bool is_closing() const { return phase_ == Phase::closing || phase_ == Phase::ended; }

 private:
  enum class Phase {
    opening,         // waits for a stream header
    before_tls,      // features sent: STARTTLS
    tls_handshake,   // from <proceed/> to the end of the handshake
    authenticating,  // features sent: SASL
    checking,        // a SASL step waits for the store or the hashing
    binding,         // authenticated, features sent: bind
    bound,
    closing,  // our </stream:stream> is sent; waits for the client's
    ended
  };

  void on_stream_header();
  void send_header();
  void send_features();
  void on_element(std::string_view bytes);
  void on_starttls();
  void on_sasl(const xmpp::Stanza& element);
  void on_sasl_outcome(SaslOutcome outcome);
  void on_before_bind(const xmpp::Stanza& element);
  void on_bound(xmpp::Stanza element);
  void on_registration(const xmpp::Stanza& iq);
  void bind(const xmpp::Stanza& iq);
  void send(std::string xml);
  void fail(xmpp::StreamErrorCondition condition, std::string_view text = {});
  void close_stream();
  void end_session();
  void end(std::string_view reason);
  void count_login(std::string_view reason);
  bool may_authenticate() const;
  asio::awaitable<void> run_sasl(std::shared_ptr<SaslNegotiation> sasl, SaslStep step);

  RoutedLoop& home_;
  StreamServices& services_;
  std::shared_ptr<Connection> connection_;
  std::function<void(ClientStream&)> ended_;
  xmpp::StreamParser parser_;
  std::shared_ptr<SaslNegotiation> sasl_;  // Only while it is needed.
  std::unique_ptr<Session> session_;
  std::string domain_;
  std::string local_;  // Once authenticated.
  std::string_view close_reason_;
  std::chrono::steady_clock::time_point accepted_at_;
  std::chrono::steady_clock::time_point deadline_;
  std::chrono::steady_clock::time_point last_heard_;
  Phase phase_ = Phase::opening;
  int sasl_failures_ = 0;
  bool header_sent_ = false;
  bool is_direct_tls_ = false;
  bool is_pinged_ = false;
  bool client_closed_ = false;
};

}  // namespace server
