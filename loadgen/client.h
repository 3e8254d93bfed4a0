#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "loadgen/client_owner.h"
#include "loadgen/client_settings.h"
#include "loadgen/connection.h"
#include "loadgen/fifo.h"
#include "loadgen/negotiation.h"
#include "xmpp/stanza.h"
#include "xmpp/stream_parser.h"

namespace loadgen {

/// One user: keeps a session up, sends what is due, hands on what comes.
///
/// A state machine on callbacks, about a kilobyte while idle. It reconnects by itself, with
/// jittered back-off, to the target its owner chooses or the server names, until `leave`; and goes
/// on with its session where the server lets it (XEP-0198 §5). Threads: its owner's.
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

  /// Sends an IQ; ClientOwner::on_answer() follows, unless the stream ends. False: it is not
  /// online.
  bool ask(const std::string& iq);

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
    negotiating,  // From the stream's start to the session.
    online,
    leaving,  // Said goodbye, waits for the server's.
  };

  void start();
  void close_stream();
  void open_stream();
  void on_element(xmpp::Stanza& element);
  void on_stream_error(xmpp::Stanza& error);
  void answer(xmpp::Stanza& request);
  void carry_out(const NegotiationStep& step);
  /// How a stream that ends now counts.
  [[nodiscard]] Ending ending() const;
  void go_online(bool resumed);
  void resume(std::string_view handled);
  /// Counts what the server says that it has handled. False: it cannot have.
  bool take_count(std::string_view handled);
  /// The session cannot be resumed: what it had not acknowledged goes into the next one.
  void give_up_session();
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
  std::unique_ptr<Negotiation> negotiation_;  // Only while it is needed.
  LoginMemory memory_;
  std::shared_ptr<Target> target_;
  std::string redirect_;   // From <see-other-host/>: where to go next, once.
  std::string reason_;     // What the stream error said.
  std::string resume_id_;  // Of the session, if it outlives its stream.
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
  bool sm_on_ = false;
  bool ack_waits_ = false;
};

}  // namespace loadgen
