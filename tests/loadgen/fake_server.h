#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "xmpp/stanza.h"
#include "xmpp/stream_parser.h"

namespace loadgen {

/// A server of one thread on a loopback port that does what a test asks: PLAIN without TLS, bind,
/// XEP-0198 acknowledgements, messages between its users, archives of them (XEP-0313, in pages of
/// `archive_page`). It lies on request.
class FakeServer {
 public:
  FakeServer();
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  [[nodiscard]] std::string host_port() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] int logins() const { return logins_.load(); }
  [[nodiscard]] int messages() const { return messages_.load(); }

  /// Ends each stream with this, if it is not empty, right after it opened. Before any client.
  void send_others_to(const std::string& host_port) { see_other_host_ = host_port; }
  /// Answers of `<r/>`; off: it stays silent.
  std::atomic<bool> acknowledges{true};
  /// Takes and acknowledges so many messages from now on, and delivers none of them.
  std::atomic<int> swallows{0};
  /// Delivers so many messages from now on twice.
  std::atomic<int> doubles{0};
  /// Leaves so many messages from now on out of their recipients' archives.
  std::atomic<int> forgets{0};
  std::atomic<std::size_t> archive_page{7};
  /// Refuses so many logins from now on.
  std::atomic<int> refuses{0};
  /// Closes all connections, as a node that is killed.
  std::atomic<bool> cut{false};

 private:
  struct Peer {
    int fd = -1;
    xmpp::StreamParser parser;
    std::string user;
    std::uint32_t handled = 0;
    bool counts = false;
    bool gone = false;
  };

  void run();
  void read(Peer& peer);
  void on_element(Peer& peer, const xmpp::Stanza& element);
  void on_message(const Peer& peer, const xmpp::Stanza& message);
  void answer_query(const Peer& peer, const xmpp::Stanza& iq);
  static void send(const Peer& peer, const std::string& xml);

  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::string see_other_host_;
  std::map<int, std::unique_ptr<Peer>> peers_;
  std::map<std::string, std::vector<std::string>> archives_;  // By user.
  std::atomic<int> logins_{0};
  std::atomic<int> messages_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace loadgen
