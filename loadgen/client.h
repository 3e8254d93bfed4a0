#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "loadgen/connection.h"
#include "loadgen/fifo.h"
#include "loadgen/login.h"
#include "loadgen/message.h"
#include "loadgen/quantity.h"
#include "loadgen/target.h"
#include "loadgen/tls.h"
#include "xmpp/stanza.h"
#include "xmpp/stream_parser.h"

namespace loadgen {

class Client;

/// What all clients of a thread share.
struct ClientSettings {
  std::string domain;
  TlsOptions tls;
  AuthChoice auth = AuthChoice::best;
  bool stream_management = true;
  /// Make the account on the stream, before the login, where the server allows it (XEP-0077).
  bool register_accounts = false;
  /// Send again what the server had not acknowledged when a connection died, as chat clients do.
  bool resend = true;
  /// The first wait before a reconnect, and the longest; doubled a try, jittered to 50..100 %.
  Range<Micros> backoff{Micros(100'000), Micros(10'000'000)};
  /// From the start of the connection to the bound session.
  Micros login_limit{30'000'000};
  /// An acknowledgement that is not answered for so long means a dead connection.
  Micros ack_limit{20'000'000};
  /// Unacknowledged stanzas on the way; more wait in the outbox.
  std::size_t unacked_max = 400;
  /// Due messages that wait for the stream; more are refused and counted.
  std::size_t outbox_max = 1000;
  std::vector<Endpoint> sources;
};

struct Account {
  std::string user;
  std::string password;
};

/// A message on its way out.
struct Outgoing {
  MessageKey key{};
  Micros due{};
  bool again = false;      // Written before, on a connection that died.
  bool is_message = true;  // XEP-0198 counts every stanza; only messages are audited.
};

/// Why a stream ended.
enum class Ending {
  wanted,  // We closed it.
  forced,  // The server, or the network, did.
  failed,  // It never came to a session.
};

/// What a client asks of, and tells to, the thread it lives on.
class ClientOwner {
 public:
  virtual Micros now() = 0;
  virtual std::shared_ptr<Target> choose_target(Client& client) = 0;
  virtual std::shared_ptr<Target> find_target(const std::string& host_port) = 0;
  virtual SaltedKeys& salted_keys() = 0;
  virtual SSL_CTX& ssl_context() = 0;
  virtual std::mt19937_64& random() = 0;
  /// Calls `on_timer` at `when`; replaces the client's former timer.
  virtual void set_timer(Client& client, Micros when) = 0;
  virtual void flush_later(Client& client) = 0;
  /// The stanza's text of a due message; appended.
  virtual void write_message(const Outgoing& message, std::string& xml) = 0;

  virtual void on_online(Client& client, Micros login_took) = 0;
  virtual void on_ended(Client& client, Ending ending, std::string_view reason) = 0;
  virtual void on_message(Client& client, const xmpp::Stanza& stanza) = 0;
  virtual void on_acknowledged(const Outgoing& message) = 0;
  virtual void on_in_doubt(const Outgoing& message) = 0;

 protected:
  ~ClientOwner() = default;
};

/// One user: keeps a session up, sends what is due, hands on what comes.
///
/// A state machine on callbacks, about a kilobyte while idle. It reconnects by itself, with
/// jittered back-off, to the target its owner chooses or the server names, until `leave`.
/// Threads: its owner's.
class Client final : public ConnectionUser {
 public:
  Client(Poller& poller, ClientOwner& owner, const ClientSettings& settings, std::uint32_t index,
         Account account);
  ~Client();

  /// Starts to log in. No effect while it is on or on its way.
  void enter();
  /// Says goodbye and stays away. What waits in the outbox waits on.
  void leave();
  /// Cuts the connection without a word, as a phone in a tunnel does, and comes back.
  void drop();

  /// Takes a due message: writes it, or keeps it while the stream is away. False: outbox full.
  bool send(const Outgoing& message);

  [[nodiscard]] bool is_online() const { return stage_ == Stage::online; }
  /// Bound, and perhaps saying goodbye; still true inside `ClientOwner::on_ended`.
  [[nodiscard]] bool has_session() const {
    return stage_ == Stage::online || stage_ == Stage::leaving;
  }
  [[nodiscard]] bool is_away() const { return stage_ == Stage::away; }
  [[nodiscard]] bool has_stream_management() const { return sm_on_; }
  [[nodiscard]] std::uint32_t index() const { return index_; }
  [[nodiscard]] const std::string& user() const { return account_.user; }
  [[nodiscard]] std::string bare_jid() const { return account_.user + "@" + settings_.domain; }
  [[nodiscard]] const std::shared_ptr<Target>& target() const { return target_; }
  [[nodiscard]] std::size_t outbox() const { return outbox_.size(); }
  [[nodiscard]] std::size_t unacked() const { return unacked_.size(); }
  [[nodiscard]] Micros offline_since() const { return offline_since_; }
  /// All that waits or is unacknowledged, for the audit's last word.
  void visit_open(const std::function<void(const Outgoing&)>& visit) const;

  void on_timer();
  void flush() { connection_.flush(); }

  void on_connected() override;
  void on_secured() override;
  void on_bytes(std::string_view bytes) override;
  void on_closed(std::string_view reason) override;
  void on_output() override { owner_.flush_later(*this); }

  std::uint32_t timer_turn = 0;  // The owner's: which of its timer entries is the live one.
  std::uint32_t flow = 0;        // The owner's: the flow this client sends on.
  bool entered_before = false;   // The owner's: it was online once.

 private:
  enum class Stage : std::uint8_t {
    away,         // Not wanted on.
    resting,      // Waits for the next try.
    connecting,   // TCP, or TLS from the start.
    features,     // Stream opened, features awaited (before the login).
    starttls,     // Asked for TLS.
    registering,  // Asked for the account.
    login,        // SASL.
    binding,      // Stream opened again; features, then the resource.
    session,      // Asked for the legacy session (RFC 3921).
    enabling,     // Asked for XEP-0198.
    online,
    leaving,  // Said goodbye, waits for the server's.
  };

  void start();
  void close_stream();
  void open_stream();
  void on_element(xmpp::Stanza& element, std::string_view name, std::string_view ns);
  void on_features(xmpp::Stanza& features);
  void on_stream_error(xmpp::Stanza& error);
  void on_iq(xmpp::Stanza& iq);
  void begin_register();
  void begin_login();
  void login_step(const LoginStep& step);
  void bind(xmpp::Stanza& features);
  void after_bind();
  void go_online();
  void write(const Outgoing& message);
  void drain_outbox();
  void request_ack();
  void on_ack(std::string_view handled);
  void end(Ending ending, std::string_view reason);
  void track(Outgoing outgoing);

  Poller& poller_;
  ClientOwner& owner_;
  const ClientSettings& settings_;
  Account account_;
  Connection connection_;
  xmpp::StreamParser parser_;
  std::unique_ptr<Login> login_;
  std::shared_ptr<Target> target_;
  std::string redirect_;  // From <see-other-host/>: where to go next, once.
  std::string reason_;    // What the stream error said.
  Fifo<Outgoing> outbox_;
  Fifo<Outgoing> unacked_;
  std::uint32_t acked_ = 0;     // The server's count, modulo 2^32 (XEP-0198 §4).
  std::uint32_t received_ = 0;  // Ours of what came, likewise.
  std::uint32_t index_;
  int tries_ = 0;
  Micros began_{};
  Micros offline_since_{};
  Micros ack_asked_{};
  Stage stage_ = Stage::away;
  bool wanted_ = false;
  bool registered_ = false;
  bool secured_ = false;
  bool sm_offered_ = false;
  bool session_needed_ = false;
  bool sm_on_ = false;
  bool ack_waits_ = false;
};

}  // namespace loadgen
