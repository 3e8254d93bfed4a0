#pragma once

#include <boost/system/result.hpp>

#include "xmpp/stanza.h"
#include "xmpp/stream_error.h"

namespace server {

/// Where a client's stream is between accept and close.
enum class StreamPhase {
  opening,         ///< Waits for a stream header.
  before_tls,      ///< Features sent: STARTTLS and nothing else.
  tls_handshake,   ///< From <proceed/> to the end of the handshake.
  authenticating,  ///< Features sent: SASL.
  exchanging,      ///< In a SASL exchange of XEP-0388: its next step.
  checking,        ///< A SASL step waits for the store or the hashing.
  binding,         ///< Authenticated, features sent: bind.
  resuming,        ///< The client's former session is looked for.
  bound,
  closing,  ///< Our </stream:stream> is sent; waits for the client's.
  ended
};

/// What an element of the client's asks for.
enum class StreamStep {
  start_tls,
  refuse_login_in_clear,  ///< RFC 6120 §6.5.4: without looking at it.
  login,
  registration,             ///< XEP-0077
  refuse_acknowledgements,  ///< XEP-0198 before there is a session.
  bind,
  acknowledgements,  ///< XEP-0198
  client_state,      ///< XEP-0352
  stanza,
  ignore,
  resume  ///< XEP-0198 §5, instead of binding.
};

/// What a stream offers beside its phase.
struct StreamOffer {
  bool starttls = false;      ///< Not yet encrypted.
  bool registration = false;  ///< XEP-0077 is on.
};

/// The one table (phase × element) that decides what may come when: before TLS only STARTTLS,
/// before login only SASL, before binding only the bind request (hardening P7, P8). What else comes
/// ends the stream with the error that is returned.
boost::system::result<StreamStep, xmpp::StreamErrorCondition> step_of(StreamPhase phase,
                                                                      const xmpp::Stanza& element,
                                                                      StreamOffer offer);

}  // namespace server
