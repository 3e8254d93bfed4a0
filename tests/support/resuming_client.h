#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/xmpp_client.h"

namespace tests {

/// A client that keeps its session over lost connections by XEP-0198, as a phone does: it answers
/// `<r/>`, and says again on a resumed stream what the server has not acknowledged.
///
///     ResumingClient juliet("juliet", "balcony");
///     juliet.log_in(one.c2s_port());
///     juliet.lose_connection();
///     EXPECT_TRUE(juliet.resume(other.c2s_port()));
///
/// One thread at a time.
class ResumingClient {
 public:
  /// Its password is its name.
  ResumingClient(std::string user, std::string resource);

  /// By a new session, resumable, and available.
  void log_in(std::uint16_t port);

  /// The connection is gone, with no word to the server.
  void lose_connection() { client_.reset(); }

  /// On a new connection. False when the server does not know the session; then the stream may be
  /// used to bind. What it says instead is in refusal().
  bool resume(std::uint16_t port);
  const std::string& refusal() const { return refusal_; }

  void say(const std::string& to, const std::string& body);

  /// Hears what comes within `limit`.
  void listen(std::chrono::milliseconds limit);

  /// Listens until it has heard `count` messages; whether it has.
  bool hears(std::size_t count, std::chrono::milliseconds limit = XmppClient::patience);

  /// The bodies of all messages that it was sent, in their order; an error is "error".
  const std::vector<std::string>& heard() const { return heard_; }

  /// The last thing that ended a stream, such as "conflict"; empty while it stands.
  const std::string& ended_by() const { return ended_by_; }

  bool is_connected() const { return client_ && !client_->is_closed(); }
  std::string jid() const { return user_ + "@localhost/" + resource_; }
  const std::string& id() const { return id_; }
  void use_id(std::string id) { id_ = std::move(id); }
  /// As if it had had the other one's stream.
  void count_from(const ResumingClient& other) {
    handled_ = other.handled_;
    acked_ = other.acked_;
    unacked_ = other.unacked_;
  }
  std::size_t unacked() const { return unacked_.size(); }
  XmppClient& client() { return *client_; }

  /// Whether it answers `<r/>`; it does unless told otherwise.
  void acknowledge(bool acknowledges) { acknowledges_ = acknowledges; }

 private:
  void connect(std::uint16_t port);
  void take(const xmpp::Stanza& element);
  void release(std::uint32_t h);
  void send_stanza(const std::string& xml);

  std::string user_, resource_;
  std::optional<XmppClient> client_;
  std::string id_, refusal_, ended_by_;
  std::uint32_t handled_ = 0;        // Of the server's stanzas.
  std::uint32_t acked_ = 0;          // Of ours, by the server.
  std::deque<std::string> unacked_;  // Those after them.
  std::vector<std::string> heard_;
  bool acknowledges_ = true;
};

}  // namespace tests
