#pragma once

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replication/node.h"
#include "server/presence/last_activity.h"
#include "server/roster/block_lists.h"
#include "server/roster/rosters.h"
#include "server/session/iq_handlers.h"
#include "server/session/session_moves.h"
#include "server/storage/credentials.h"
#include "server/stream/client_stream.h"
#include "tests/server/roster/documents_in_memory.h"
#include "tests/support/eventually.h"
#include "xmpp/sasl/base64.h"

namespace server {

using namespace std::chrono_literals;

/// Accounts in memory.
class MemoryUsers final : public UserStore {
 public:
  explicit MemoryUsers(std::map<std::string, Credentials> accounts)
      : accounts_(std::move(accounts)) {}

  asio::awaitable<Result<std::optional<Credentials>>> find(std::string local,
                                                           std::string) override {
    if (is_away) co_return make_error_code(StorageErrc::unavailable);
    const auto found = accounts_.find(local);
    if (found == accounts_.end()) co_return std::optional<Credentials>();
    co_return std::optional<Credentials>(found->second);
  }
  asio::awaitable<Result<bool>> exists(std::string local, std::string) override {
    co_return accounts_.contains(local);
  }
  asio::awaitable<Result<void>> create(std::string, std::string, Credentials) override {
    co_return make_error_code(StorageErrc::unavailable);
  }
  asio::awaitable<Result<void>> set_credentials(std::string, std::string, Credentials) override {
    co_return make_error_code(StorageErrc::unavailable);
  }
  asio::awaitable<Result<void>> remove(std::string, std::string) override {
    co_return make_error_code(StorageErrc::unavailable);
  }
  asio::awaitable<Result<std::vector<std::string>>> list(std::string, std::string,
                                                         std::size_t) override {
    co_return std::vector<std::string>();
  }

  bool is_away = false;

 private:
  std::map<std::string, Credentials> accounts_;
};

/// The client's end of a stream: bytes, with or without TLS.
class Peer {
 public:
  Peer(int socket, Loop& server, bool direct_tls) : socket_(socket), server_(server) {
    if (direct_tls) begin_tls();
  }
  Peer(Peer&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)),
        server_(other.server_),
        context_(std::move(other.context_)),
        ssl_(std::move(other.ssl_)),
        heard_(std::move(other.heard_)),
        is_closed_(other.is_closed_) {}
  ~Peer() {
    ssl_.reset();
    if (socket_ >= 0) ::close(socket_);
  }

  void begin_tls() {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_);
    EXPECT_TRUE(tests::eventually(5s, [&] {
      server_.poll();
      return SSL_connect(ssl_.get()) == 1;
    }));
  }

  void send(const std::string& text) {
    const auto size = static_cast<int>(text.size());
    const auto sent = ssl_ ? SSL_write(ssl_.get(), text.data(), size)
                           : ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
    EXPECT_EQ(sent, size);
  }

  void open(const std::string& from = "") {
    send("<stream:stream " + (from.empty() ? "" : "from='" + from + "' ") +
         "to='localhost' version='1.0' xmlns='jabber:client' "
         "xmlns:stream='http://etherx.jabber.org/streams'>");
  }

  /// What has come since the last call, up to `wanted`, which comes within five seconds.
  std::string hear(const std::string& wanted) {
    const bool came = tests::eventually(5s, [&] {
      read();
      return heard_.find(wanted) != std::string::npos;
    });
    if (!came) {
      ADD_FAILURE() << "waited for " << wanted << ", heard " << heard_;
      return std::exchange(heard_, {});
    }
    const auto end = heard_.find(wanted) + wanted.size();
    const std::string result = heard_.substr(0, end);
    heard_.erase(0, end);
    return result;
  }

  /// Null without TLS.
  SSL* ssl() const { return ssl_.get(); }

  /// All until the server closes the connection.
  std::string hear_all() {
    EXPECT_TRUE(tests::eventually(5s, [&] {
      read();
      return is_closed_;
    }));
    return std::exchange(heard_, {});
  }

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };

  void read() {
    server_.poll();
    char bytes[4096];
    for (;;) {
      const auto size = ssl_ ? SSL_read(ssl_.get(), bytes, sizeof bytes)
                             : ::recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
      if (size == 0) is_closed_ = true;
      if (size <= 0) return;
      heard_.append(bytes, static_cast<std::size_t>(size));
    }
  }

  int socket_;
  Loop& server_;
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
  std::string heard_;
  bool is_closed_ = false;
};

inline std::string plain(const std::string& user, const std::string& password) {
  const std::string message = std::string(1, '\0') + user + std::string(1, '\0') + password;
  return "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" +
         xmpp::sasl_payload_encode(message) + "</auth>";
}

inline constexpr const char* bind_balcony =
    "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
    "<resource>balcony</resource></bind></iq>";

/// What all streams of a node share, on one loop that the test turns, without a network.
class ClientStreamTest : public testing::Test {
 protected:
  ClientStreamTest() {
    loops_.push_back(std::make_unique<RoutedLoop>(0));
    router_.set_loops(loops_);
    config_.c2s.tls_required = false;
    services_.tls = *TlsContext::self_signed({"localhost"});
    services_.fake_salt_secret = "of the test";
  }

  ~ClientStreamTest() override {
    for (auto& stream : streams_) stream->on_disconnected({});
    loop().poll();
    pool_.stop();
    loop().poll();
  }

  Loop& loop() { return loops_.front()->loop; }

  Peer connect(ClientStream::Transport transport = ClientStream::Transport::starttls) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    streams_.push_back(std::make_shared<ClientStream>(*loops_.front(), services_,
                                                      Descriptor(ends[0]), transport,
                                                      [this](ClientStream&) { ++ended_; }));
    streams_.back()->start();
    return {ends[1], loop(), transport == ClientStream::Transport::direct_tls};
  }

  /// From a fresh connection to the features behind the login.
  static void log_in(Peer& peer, const std::string& user = "juliet") {
    peer.open();
    peer.hear("</stream:features>");
    peer.send(plain(user, "r0m30"));
    peer.hear("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'></success>");
    peer.open();
    peer.hear("</stream:features>");
  }

  static void log_in_and_bind(Peer& peer) {
    log_in(peer);
    peer.send(bind_balcony);
    peer.hear("<jid>juliet@localhost/balcony</jid></bind></iq>");
  }

  static Credentials credentials() {
    static const Credentials made = *derive_credentials("r0m30");
    return made;
  }

  Config config_;
  std::atomic<int> hashed_ = 0;
  MemoryUsers users_{{{"juliet", credentials()}}};
  BlockingPool pool_{{.threads = 1, .on_waited = [this](std::chrono::nanoseconds) { ++hashed_; }}};
  replication::Events events_;
  replication::Node node_{{.cluster = "c", .name = "n1", .secret = "of the test"}, events_};
  SessionDirectory directory_{node_};
  Router router_{{"localhost"}, directory_, node_};
  DocumentsInMemory documents_;
  BlockLists blocks_{documents_, directory_, router_, {}};
  Rosters rosters_{documents_, router_, blocks_, {}};
  LastActivities last_activities_{documents_};
  Pep pep_{documents_, rosters_, blocks_, router_};
  CapsCache caps_;
  IqHandlers handlers_;
  std::vector<std::unique_ptr<RoutedLoop>> loops_;
  StreamServices services_{
      config_,
      users_,
      pool_,
      {directory_, router_, rosters_, blocks_, last_activities_, pep_, caps_, handlers_}};
  std::vector<std::shared_ptr<ClientStream>> streams_;
  int ended_ = 0;
};

}  // namespace server
