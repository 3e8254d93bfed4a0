#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "loadgen/connection.h"
#include "loadgen/login.h"
#include "loadgen/quantity.h"
#include "loadgen/tls.h"

namespace loadgen {

/// How a client gets its session.
enum class LoginWay {
  steps,    // Login, bind, acknowledgements, each by a round trip of its own.
  inlined,  // All at once (XEP-0388, XEP-0386), where the server has it.
  token     // So, and from the second time on by a token (XEP-0484).
};

/// What all clients of a thread share.
struct ClientSettings {
  std::string domain;
  TlsOptions tls;
  AuthChoice auth = AuthChoice::best;
  LoginWay login = LoginWay::steps;
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

}  // namespace loadgen
