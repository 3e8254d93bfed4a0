#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "xmpp/stanza.h"
#include "xmpp/stream_parser.h"

namespace tests {

/// A small client for tests: one connection, one thread, each call waits for its answer. It looks
/// at nothing on its own and answers nothing, so a test sees all that a server sends.
///
///     auto juliet = XmppClient::login(node.c2s_port(), "juliet@localhost/balcony", "juliet");
///     juliet.send("<message to='romeo@localhost' type='chat'><body>hi</body></message>");
///     const auto answer = juliet.receive_message();
///
/// Certificates are not checked: the nodes of tests make their own. Members throw
/// std::runtime_error when the connection or the server does not do what the call is for; a test
/// of refusals uses the steps, which return the condition.
class XmppClient {
 public:
  static constexpr std::chrono::milliseconds patience{20'000};  // On a machine that builds.

  /// Connects, and does all steps; available, unless `is_available` is false.
  static XmppClient login(std::uint16_t port, const std::string& full_jid,
                          const std::string& password, bool is_available = true);

  /// The steps of a login, in this order (RFC 6120 §9.1).
  explicit XmppClient(std::uint16_t port);
  void start_tls(const std::string& domain);
  /// By SCRAM-SHA-256-PLUS, and the server must prove that it knows the password, too. The SASL
  /// condition if it failed, "stream:…" if the stream did, or empty.
  std::string authenticate(const std::string& user, const std::string& password);
  /// The full JID.
  std::string bind(const std::string& resource);

  /// Opens a stream and returns the server's features.
  xmpp::Stanza open_stream(const std::string& domain);

  /// Bytes as they are.
  void send(std::string_view bytes);

  /// The next element at the stream's first level; nullopt when none came in time, or when the
  /// stream is closed: see is_closed().
  std::optional<xmpp::Stanza> receive(std::chrono::milliseconds limit = patience);

  /// The next message; what comes before is dropped.
  std::optional<xmpp::Stanza> receive_message(std::chrono::milliseconds limit = patience);

  /// The condition of the stream error that ends the stream, such as "conflict"; what comes before
  /// is dropped. "closed" when it ended without one, "nothing" when it did not end in time.
  std::string receive_stream_error(std::chrono::milliseconds limit = patience);

  /// Sends an iq of type get with `payload`, and returns what answers it; what comes before is
  /// dropped. nullopt when nothing did in time.
  std::optional<xmpp::Stanza> ask(const std::string& to, const std::string& payload,
                                  std::chrono::milliseconds limit = patience);

  /// The TLS connection; null before it is one.
  SSL* tls() const { return tls_.get(); }

  bool is_closed() const { return is_closed_; }
  const std::string& jid() const { return jid_; }

 private:
  struct CloseSocket {
    void operator()(int* descriptor) const;
  };

  bool read_some(std::chrono::steady_clock::time_point until);
  xmpp::Stanza expect(std::string_view name, const char* what);

  std::unique_ptr<int, CloseSocket> socket_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> tls_;
  xmpp::StreamParser parser_;
  std::string input_;
  std::string domain_, jid_;
  bool is_closed_ = false;
  int asked_ = 0;
};

}  // namespace tests
