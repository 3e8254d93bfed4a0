#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/blocking/block_table.h"
#include "server/session/session.h"
#include "server/session/session_taker.h"
#include "server/session/stream_output.h"
#include "server/stream/connection.h"
#include "server/stream/idle_watch.h"
#include "server/stream/login_wishes.h"
#include "server/stream/negotiation_table.h"
#include "server/stream/sasl_negotiation.h"
#include "server/stream/sasl_wire.h"
#include "server/stream/stream_opening.h"
#include "server/stream/stream_services.h"
#include "xmpp/stream_parser.h"

namespace server {

/// A client's XML stream, from accept to close: negotiation by RFC 6120, then a Session.
///
/// What may come when is decided by one table: negotiation_table.h. What may not ends the stream
/// with the error that RFC 6120 §4.9.3 has for it.
///
/// Threads: lives on its loop. Kept alive by its loop's registry until on_ended.
class ClientStream final : public std::enable_shared_from_this<ClientStream>,
                           public Connection::Owner,
                           public StreamOutput,
                           public ResumeWaiter {
 public:
  enum class Transport { starttls, direct_tls };

  /// `ended(stream)` is called once, when nothing of the stream is left to do.
  ClientStream(RoutedLoop& home, StreamServices& services, Descriptor socket, Transport transport,
               std::function<void(ClientStream&)> ended);
  ~ClientStream();

  void start();

  bool write(xmpp::SharedText bytes) override;
  std::size_t queued_bytes() const override { return connection_->queued_bytes(); }
  void pause() override {
    if (pauses_++ > 0) return;
    idle_.pause();
    connection_->pause_reading();
  }
  void resume() override {
    if (--pauses_ > 0) return;
    idle_.resume(home_.loop.now());
    connection_->resume_reading();
  }
  void close(xmpp::StreamErrorCondition condition, std::string_view text = {},
             std::string_view application_xml = {}) override;

  void give_up_session() override;

  /// Ends with `<system-shutdown/>`: this node ends. `keeps_session`: where the client can resume
  /// its session, it is kept for it.
  void shut_down(std::string_view text, bool keeps_session);

  bool is_waiting() const override { return phase_ == Phase::resuming; }
  StreamOutput& output() override { return *this; }
  void on_resumed(std::unique_ptr<Session> session) override;
  void on_not_resumed(std::optional<CountTooHigh> fault) override;

  void on_bytes(std::string_view bytes) override;
  void on_tls_established() override;
  void on_disconnected(boost::system::error_code error) override;

  /// Called about every `Loop::tick_interval`: ends what is past its deadline.
  void on_tick();

  bool is_bound() const { return phase_ == Phase::bound; }
  bool is_closing() const { return phase_ == Phase::closing || phase_ == Phase::ended; }

 private:
  using Phase = StreamPhase;

  /// A login by XEP-0388, which does more than to log in.
  struct InlineLogin {
    LoginWishes wishes;
    std::string payload{};  // The mechanism's last word.
    std::string answers{};  // What came of the wishes so far.
  };

  void on_stream_header();
  void send_header();
  Features offer_login();
  Features offer_session();
  void on_element(std::string_view bytes);
  void on_starttls();
  void refuse_login_in_clear(const xmpp::Element& element);
  void on_sasl(const xmpp::Stanza& element);
  void on_sasl_outcome(SaslForm form, SaslOutcome outcome);
  void go_on_with_login();
  bool bind_inline(const LoginWishes::Bind& wish);
  void send_success();
  void on_registration(const xmpp::Stanza& iq);
  void bind(const xmpp::Stanza& iq);
  void resume(std::string_view previd, std::string_view h);
  void refuse_resume(std::string_view condition);
  bool is_resumable() const { return session_ && session_->is_resumable(); }
  void begin_session();
  void bind_session(xmpp::Jid jid);
  void detach_session();
  void send(xmpp::SharedText xml) { connection_->send(std::move(xml)); }
  void close_stream();
  void end(std::string_view reason);
  void count_login(std::string_view reason);
  asio::awaitable<void> run_sasl(std::shared_ptr<SaslNegotiation> sasl, SaslStep step);

  RoutedLoop& home_;
  StreamServices& services_;
  std::shared_ptr<Connection> connection_;
  std::function<void(ClientStream&)> ended_;
  xmpp::StreamParser parser_;
  std::shared_ptr<SaslNegotiation> sasl_;  // Only while it is needed, …
  std::unique_ptr<InlineLogin> inline_;    // … and this one, too.
  std::unique_ptr<Session> session_;
  std::string domain_;
  std::string local_;         // Once authenticated.
  BlockTable::Hold blocked_;  // From then until it is the session's.
  std::string_view close_reason_;
  std::chrono::steady_clock::time_point accepted_at_;
  std::chrono::steady_clock::time_point deadline_;
  IdleWatch idle_;
  Phase phase_ = Phase::opening;
  int sasl_failures_ = 0;
  int pauses_ = 0;
  bool header_sent_ = false;
  bool is_direct_tls_ = false;
  bool client_closed_ = false;
  bool keeps_session_ = false;  // It outlives the stream, which is closing.
};

}  // namespace server
