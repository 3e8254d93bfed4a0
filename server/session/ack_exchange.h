#pragma once

#include <boost/container/devector.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/router/router.h"
#include "server/session/stream_output.h"
#include "xmpp/stream_management.h"
#include "xmpp/xml.h"

namespace server {

/// The acknowledgements of XEP-0198 on one stream, both ways.
///
/// `<a h='…'/>` counts the client's stanzas up to the first one that is not safe yet: a message is
/// safe when it is settled (see Settlement), all else when it is handled. A client with too many
/// messages that are not settled is not read from until half of them are.
///
/// Threads: lives on its session's loop.
class AckExchange {
 public:
  AckExchange(RoutedLoop& home, Router& router, StreamOutput& output, SessionId session)
      : home_(home), router_(router), output_(&output), session_(session) {}

  /// Goes on where that of another loop ended: so many stanzas of the client's are handled, and it
  /// has acknowledged so many of ours.
  AckExchange(RoutedLoop& home, Router& router, StreamOutput& output, SessionId session,
              xmpp::StanzaCount handled, xmpp::StanzaCount acked)
      : home_(home),
        router_(router),
        output_(&output),
        session_(session),
        handled_(handled),
        unacked_({}, acked) {}

  /// The stream is another one now, or none: what was written to the former one may be lost.
  void set_output(StreamOutput& output);

  /// The client sent a stanza.
  void on_handled() { ++handled_; }

  /// That stanza is safe when `number` is settled.
  void wait_for(std::uint64_t number);
  void on_settled(std::uint64_t number);

  /// Sends a stanza to the client, and keeps it until it is acknowledged. False when too many are
  /// kept: the stanza is neither sent nor kept.
  [[nodiscard]] bool send(const RoutedStanza& stanza);

  /// `<r/>` or `<a/>` from the client. False when it is something else.
  bool on_element(const xmpp::Element& element);

  /// Asks the client to acknowledge what it got, if there is anything to ask for.
  void request();

  /// What a client waits for that is owed it since the last tick.
  void on_tick();

  /// Tells the client that all it sent is handled: the last word on a stream that ends. What is not
  /// safe yet is from then on this node's to finish, which it does before it ends in order.
  void send_last_ack() { send_ack(handled_); }

  /// Whether all that the client sent is safe.
  [[nodiscard]] bool is_settled() const { return unsettled_.empty(); }

  /// The client says, by `<a/>` or by `<resume/>`, that it has handled so many of our stanzas.
  xmpp::AckOutcome acknowledge(xmpp::StanzaCount h);

  /// Gives up what the client has not acknowledged, oldest first, for its session's next place.
  std::vector<RoutedStanza> take_unacked();

  [[nodiscard]] xmpp::StanzaCount handled() const { return handled_; }
  [[nodiscard]] xmpp::StanzaCount acked() const { return unacked_.acked(); }
  [[nodiscard]] xmpp::StanzaCount sent() const { return unacked_.sent(); }

  /// The stream is over: gives back what the client has not acknowledged (XEP-0198 §4).
  void release();

  /// Whether the client was sent the message and has not acknowledged it.
  [[nodiscard]] bool holds(MessageId id) const;
  [[nodiscard]] std::size_t unacked() const { return unacked_.size(); }

 private:
  struct Unsettled {
    std::uint64_t number;
    xmpp::StanzaCount place;  // Among the client's stanzas; the first is 1.
    bool is_settled = false;
  };

  xmpp::StanzaCount safe() const;
  void send_ack(xmpp::StanzaCount h);
  void on_request();
  void on_ack(const xmpp::Element& element);
  void tick_later();

  RoutedLoop& home_;
  Router& router_;
  StreamOutput* output_;
  const SessionId session_;

  xmpp::StanzaCount handled_ = 0;                    // What we have handled of the client's.
  boost::container::devector<Unsettled> unsettled_;  // In their order; the first is not settled.
  xmpp::StanzaCount owed_ = 0;  // The client asked when so many were handled …
  bool is_owed_ = false;        // … and has not been told that they are safe.
  bool is_answered_ = false;    // It has been told of some.

  xmpp::UnackedQueue<RoutedStanza> unacked_;  // What it has not acknowledged of ours.
  bool request_pending_ = false;
  std::uint32_t since_request_ = 0;
  bool will_tick_ = false;
  bool is_paused_ = false;
};

}  // namespace server
