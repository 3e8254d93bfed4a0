#include "server/stream/client_stream.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "replication/node.h"
#include "server/presence/last_activity.h"
#include "server/roster/block_lists.h"
#include "server/roster/rosters.h"
#include "server/session/iq_handlers.h"
#include "server/storage/credentials.h"
#include "tests/server/roster/documents_in_memory.h"
#include "tests/support/eventually.h"
#include "xmpp/sasl/base64.h"

namespace server {
namespace {

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
  ~Peer() {
    ssl_.reset();
    ::close(socket_);
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

  void open() {
    send(
        "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
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

std::string plain(const std::string& user, const std::string& password) {
  const std::string message = std::string(1, '\0') + user + std::string(1, '\0') + password;
  return "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" +
         xmpp::sasl_payload_encode(message) + "</auth>";
}

constexpr const char* bind_balcony =
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
    return Peer(ends[1], loop(), transport == ClientStream::Transport::direct_tls);
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

// RFC 6120 §5.3.1
TEST_F(ClientStreamTest, OffersAndTakesNothingButStarttlsWhereTlsIsRequired) {
  config_.c2s.tls_required = true;
  Peer peer = connect();
  peer.open();
  const std::string features = peer.hear("</stream:features>");
  EXPECT_NE(features.find("<required/>"), std::string::npos) << features;
  EXPECT_EQ(features.find("<mechanisms"), std::string::npos) << features;
  peer.send(plain("juliet", "r0m30"));
  peer.hear("<encryption-required/></failure>");
  EXPECT_EQ(hashed_, 0) << "a password in clear was looked at";
  peer.send("<message to='romeo@localhost'/>");
  EXPECT_NE(peer.hear("</stream:stream>").find("<not-authorized"), std::string::npos);
}

TEST_F(ClientStreamTest, LogsInOverStarttls) {
  config_.c2s.tls_required = true;
  Peer peer = connect();
  peer.open();
  peer.hear("</stream:features>");
  peer.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  peer.hear("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  peer.begin_tls();
  log_in_and_bind(peer);
  EXPECT_TRUE(streams_.front()->is_bound());
}

// Hardening P6: what is behind <starttls/> in the same write is never answered.
TEST_F(ClientStreamTest, EndsAConnectionThatSpeaksBetweenStarttlsAndTls) {
  Peer peer = connect();
  peer.open();
  peer.hear("</stream:features>");
  peer.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" + plain("juliet", "r0m30"));
  const std::string answer = peer.hear_all();
  EXPECT_EQ(answer.find("<success"), std::string::npos) << answer;
  EXPECT_EQ(ended_, 1);
  EXPECT_EQ(hashed_, 0);
}

TEST_F(ClientStreamTest, LogsInOverDirectTls) {
  Peer peer = connect(ClientStream::Transport::direct_tls);
  peer.open();
  const std::string features = peer.hear("</stream:features>");
  EXPECT_EQ(features.find("<starttls"), std::string::npos) << features;
  EXPECT_NE(features.find("SCRAM-SHA-256-PLUS"), std::string::npos) << features;
  peer.send(plain("juliet", "r0m30"));
  peer.hear("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'></success>");
  peer.open();
  peer.hear("</stream:features>");
  peer.send(bind_balcony);
  peer.hear("<jid>juliet@localhost/balcony</jid></bind></iq>");
}

// Hardening P8.
TEST_F(ClientStreamTest, EndsAStreamThatSendsAStanzaBeforeItMay) {
  for (const bool has_logged_in : {false, true}) {
    Peer peer = connect();
    if (has_logged_in) {
      log_in(peer);
    } else {
      peer.open();
      peer.hear("</stream:features>");
    }
    peer.send("<message to='romeo@localhost'><body>soft</body></message>");
    peer.hear("<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
    peer.hear("</stream:stream>");
  }
}

// Hardening P14: same answer, same work.
TEST_F(ClientStreamTest, TreatsAnUnknownUserLikeAWrongPassword) {
  std::vector<std::string> answers;
  for (const char* user : {"juliet", "nobody"}) {
    const int before = hashed_;
    Peer peer = connect();
    peer.open();
    peer.hear("</stream:features>");
    peer.send(plain(user, "wrong"));
    answers.push_back(peer.hear("</failure>"));
    EXPECT_EQ(hashed_ - before, 1) << user;
  }
  EXPECT_EQ(answers[0], answers[1]);
  EXPECT_NE(answers[0].find("<not-authorized/>"), std::string::npos) << answers[0];
}

// Hardening P16: a database that is away is no wrong password.
// An account that came from elsewhere: its password is checked against the keys that it has.
TEST_F(ClientStreamTest, LogsAnAccountInThatHasKeysOfOneHashAlone) {
  Credentials sha1_only = credentials();
  sha1_only.sha256.reset();
  users_ = MemoryUsers({{"romeo", sha1_only}});
  Peer peer = connect();
  log_in(peer, "romeo");
}

TEST_F(ClientStreamTest, SaysSoWhenItCannotCheckALogin) {
  users_.is_away = true;
  Peer peer = connect();
  peer.open();
  peer.hear("</stream:features>");
  peer.send(plain("juliet", "r0m30"));
  peer.hear("<temporary-auth-failure/></failure>");
  users_.is_away = false;
  peer.send(plain("juliet", "r0m30"));
  peer.hear("<success");
}

// Hardening, Limits: an element before login; the same verdict at whatever size of writes.
TEST_F(ClientStreamTest, EndsAStreamWhoseElementIsTooBigBeforeLogin) {
  const auto limit = config_.limits.login_stanza_bytes_max;
  const std::string start = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>";
  for (const std::size_t slice : {std::size_t{100'000}, std::size_t{997}}) {
    Peer peer = connect();
    peer.open();
    peer.hear("</stream:features>");
    const std::string big = start + std::string(limit - start.size() + 1, 'A');
    for (std::size_t at = 0; at < big.size(); at += slice) {
      peer.send(big.substr(at, slice));
      loop().poll();
    }
    const std::string answer = peer.hear("</stream:stream>");
    EXPECT_NE(answer.find("<policy-violation"), std::string::npos) << answer;
    EXPECT_NE(answer.find("<stanza-too-big xmlns='urn:xmpp:errors'/>"), std::string::npos)
        << answer;
  }
}

TEST_F(ClientStreamTest, TakesABigStanzaAfterLogin) {
  Peer peer = connect();
  log_in_and_bind(peer);
  const std::string body(2 * config_.limits.login_stanza_bytes_max, 'a');
  peer.send("<message to='nobody@localhost' id='m'><body>" + body + "</body></message>");
  peer.hear("<service-unavailable");
  EXPECT_TRUE(streams_.front()->is_bound());
}

// RFC 6120 §6.4: one step at a time.
TEST_F(ClientStreamTest, EndsAStreamThatDoesNotWaitForItsLogin) {
  Peer peer = connect();
  peer.open();
  peer.hear("</stream:features>");
  peer.send(plain("juliet", "r0m30") + plain("juliet", "r0m30"));
  const std::string answer = peer.hear("</stream:stream>");
  EXPECT_NE(answer.find("<policy-violation"), std::string::npos) << answer;
  EXPECT_EQ(answer.find("<success"), std::string::npos) << answer;
}

// XEP-0198 §4, over the stream: what the client handled last is heard although we have closed.
TEST_F(ClientStreamTest, HearsTheLastAcknowledgementOfAClientThatItTellsToGo) {
  Peer peer = connect();
  log_in_and_bind(peer);
  peer.send("<enable xmlns='urn:xmpp:sm:3'/><presence/>");
  peer.hear("<enabled xmlns='urn:xmpp:sm:3'/>");
  peer.hear("<presence");
  peer.send("<message to='juliet@localhost/balcony' id='self'><body>to myself</body></message>");
  peer.hear("to myself");
  streams_.front()->close(xmpp::StreamErrorCondition::system_shutdown);
  const std::string farewell = peer.hear("</stream:stream>");
  EXPECT_NE(farewell.find("<a xmlns='urn:xmpp:sm:3' h='2'/>"), std::string::npos) << farewell;
  peer.send("<a xmlns='urn:xmpp:sm:3' h='2'/></stream:stream>");
  peer.hear_all();
  EXPECT_EQ(ended_, 1);
  EXPECT_EQ(services_.sessions, 0U);
  EXPECT_FALSE(directory_.find(*xmpp::Jid::parse("juliet@localhost/balcony")).has_value());
}

TEST_F(ClientStreamTest, GivesNoSessionWhileTheNodeTakesNone) {
  services_.accepts_sessions = false;
  Peer peer = connect();
  log_in(peer);
  peer.send(bind_balcony);
  EXPECT_NE(peer.hear("</stream:stream>").find("<system-shutdown"), std::string::npos);
  EXPECT_EQ(services_.sessions, 0U);
}

// Hardening P2: whatever phase a connection breaks in, its stream ends, once.
TEST_F(ClientStreamTest, EndsWithItsConnectionInEveryPhase) {
  {
    Peer silent = connect();
    Peer opened = connect();
    opened.open();
    opened.hear("</stream:features>");
    Peer checked = connect();
    checked.open();
    checked.hear("</stream:features>");
    checked.send(plain("juliet", "r0m30"));
    loop().poll();
    Peer logged_in = connect();
    log_in(logged_in);
    Peer bound = connect();
    log_in_and_bind(bound);
  }
  EXPECT_TRUE(tests::eventually(5s, [&] {
    loop().poll();
    return ended_ == 5;
  }));
  EXPECT_EQ(services_.sessions, 0U);
  EXPECT_EQ(directory_.size(), 0U);
}

}  // namespace
}  // namespace server
