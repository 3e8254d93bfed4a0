#pragma once

#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "loadgen/login.h"
#include "loadgen/message.h"
#include "loadgen/quantity.h"
#include "loadgen/target.h"
#include "loadgen/tls.h"
#include "xmpp/stanza.h"

namespace loadgen {

class Client;

/// A message on its way out.
struct Outgoing {
  MessageKey key{};
  Micros due{};
  bool again = false;      // Written before, in a session that is gone.
  bool resumed = false;    // Written before, in this session, which did not get it.
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

  /// It has a new session, or (`resumed`) its former one on a new stream.
  virtual void on_online(Client& client, Micros took, bool resumed) = 0;
  virtual void on_ended(Client& client, Ending ending, std::string_view reason) = 0;
  virtual void on_message(Client& client, const xmpp::Stanza& stanza) = 0;
  /// An answer to what Client::ask() sent.
  virtual void on_answer(Client& client, const xmpp::Stanza& iq) = 0;
  virtual void on_acknowledged(const Outgoing& message) = 0;
  virtual void on_in_doubt(const Outgoing& message) = 0;

 protected:
  ~ClientOwner() = default;
};

}  // namespace loadgen
