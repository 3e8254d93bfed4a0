// libstrophe, which profanity and many small devices use.

#include <gtest/gtest.h>
#include <strophe.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <string>

#include "tests/support/mariadb.h"
#include "tests/support/node_process.h"
#include "tests/support/tcp_gate.h"

namespace tests {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 20s;
constexpr unsigned long turn_milliseconds = 20;

struct FreeContext {
  void operator()(xmpp_ctx_t* context) const { xmpp_ctx_free(context); }
};
using Context = std::unique_ptr<xmpp_ctx_t, FreeContext>;

/// One connection, and what happened to it. Notes the last message, an error that came back, the
/// pong, and who sent them.
class StropheClient {
 public:
  StropheClient(xmpp_ctx_t* context, const std::string& jid, const std::string& password)
      : context_(context), connection_(xmpp_conn_new(context)) {
    // The nodes of the tests make their own certificates.
    xmpp_conn_set_flags(connection_, XMPP_CONN_FLAG_TRUST_TLS | XMPP_CONN_FLAG_MANDATORY_TLS);
    xmpp_conn_set_jid(connection_, jid.c_str());
    xmpp_conn_set_pass(connection_, password.c_str());
  }
  ~StropheClient() { xmpp_conn_release(connection_); }
  StropheClient(const StropheClient&) = delete;
  StropheClient& operator=(const StropheClient&) = delete;

  void connect(unsigned short port) {
    xmpp_connect_client(connection_, "127.0.0.1", port, &StropheClient::on_event, this);
  }
  void disconnect() { xmpp_disconnect(connection_); }

  /// Takes what `other`, which is disconnected, kept of its session. Before connect().
  void go_on_from(StropheClient& other) {
    xmpp_conn_set_sm_state(connection_, xmpp_conn_get_sm_state(other.connection_));
  }

  void say(const std::string& to, const std::string& body) {
    xmpp_stanza_t* message = xmpp_message_new(context_, "chat", to.c_str(), "m1");
    xmpp_message_set_body(message, body.c_str());
    xmpp_send(connection_, message);
    xmpp_stanza_release(message);
  }

  void ping(const std::string& to) {
    xmpp_stanza_t* iq = xmpp_iq_new(context_, "get", "ping1");
    xmpp_stanza_set_to(iq, to.c_str());
    xmpp_stanza_t* child = xmpp_stanza_new(context_);
    xmpp_stanza_set_name(child, "ping");
    xmpp_stanza_set_ns(child, "urn:xmpp:ping");
    xmpp_stanza_add_child(iq, child);
    xmpp_stanza_release(child);
    xmpp_id_handler_add(connection_, &StropheClient::on_pong, "ping1", this);
    xmpp_send(connection_, iq);
    xmpp_stanza_release(iq);
  }

  bool is_connected = false;
  bool was_secured = false;
  bool is_disconnected = false;
  bool has_error = false;
  int error = 0;
  std::string jid, body, from, pong;

 private:
  static void on_event(xmpp_conn_t* connection, xmpp_conn_event_t event, int error,
                       xmpp_stream_error_t*, void* self) {
    auto& client = *static_cast<StropheClient*>(self);
    if (event != XMPP_CONN_CONNECT) {
      client.is_disconnected = true;
      client.error = error;
      return;
    }
    client.is_connected = true;
    client.was_secured = xmpp_conn_is_secured(connection) != 0;
    client.jid = xmpp_conn_get_bound_jid(connection);
    xmpp_handler_add(connection, &StropheClient::on_message, nullptr, "message", nullptr, self);
    xmpp_stanza_t* presence = xmpp_presence_new(client.context_);
    xmpp_send(connection, presence);
    xmpp_stanza_release(presence);
  }

  static int on_message(xmpp_conn_t*, xmpp_stanza_t* message, void* self) {
    auto& client = *static_cast<StropheClient*>(self);
    const char* type = xmpp_stanza_get_type(message);
    if (type != nullptr && std::string(type) == "error") {
      client.has_error = true;
      return 1;
    }
    client.from = xmpp_stanza_get_from(message);
    if (char* text = xmpp_message_get_body(message)) {
      client.body = text;
      xmpp_free(client.context_, text);
    }
    return 1;  // And the next one, too.
  }

  static int on_pong(xmpp_conn_t*, xmpp_stanza_t* iq, void* self) {
    static_cast<StropheClient*>(self)->pong = xmpp_stanza_get_type(iq);
    return 0;
  }

  xmpp_ctx_t* context_;
  xmpp_conn_t* connection_;
};

/// Turns libstrophe's loop until it is so, or too late.
template <class Predicate>
bool runs_until(xmpp_ctx_t* context, Predicate predicate) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!predicate()) {
    if (std::chrono::steady_clock::now() > end) return false;
    xmpp_run_once(context, turn_milliseconds);
  }
  return true;
}

/// A session that was bound a moment ago may not be known on the other node yet: what comes back as
/// an error is sent again.
bool reaches(xmpp_ctx_t* context, StropheClient& from, StropheClient& to, const std::string& body) {
  do {
    from.has_error = false;
    from.say(to.jid, body);
    if (!runs_until(context, [&] { return from.has_error || !to.body.empty(); })) return false;
  } while (to.body.empty());
  return true;
}

TEST(Libstrophe, ChatsOverTwoNodesAndPingsTheServer) {
  // It ends TLS on a socket that the server may have closed already, and leaves the signal to us.
  std::signal(SIGPIPE, SIG_IGN);
  const MariaDb database;
  ClusterOfNodes cluster(database, "strophe", 2);
  xmpp_initialize();
  {
    const Context context(xmpp_ctx_new(nullptr, xmpp_get_default_logger(XMPP_LEVEL_WARN)));
    StropheClient romeo(context.get(), "romeo@localhost/orchard", "romeo");
    StropheClient juliet(context.get(), "juliet@localhost/balcony", "juliet");
    romeo.connect(cluster.node(0).c2s_port());
    juliet.connect(cluster.node(1).c2s_port());
    ASSERT_TRUE(runs_until(context.get(), [&] {
      return (romeo.is_connected && juliet.is_connected) || romeo.is_disconnected ||
             juliet.is_disconnected;
    }));
    ASSERT_FALSE(romeo.is_disconnected) << romeo.error;
    ASSERT_FALSE(juliet.is_disconnected) << juliet.error;
    EXPECT_TRUE(romeo.was_secured && juliet.was_secured);
    EXPECT_EQ(juliet.jid, "juliet@localhost/balcony");

    EXPECT_TRUE(reaches(context.get(), romeo, juliet, "hello <&>"));
    EXPECT_EQ(juliet.body, "hello <&>");
    EXPECT_EQ(juliet.from, romeo.jid);
    EXPECT_TRUE(reaches(context.get(), juliet, romeo, "good night"));
    EXPECT_EQ(romeo.body, "good night");

    romeo.ping("localhost");
    EXPECT_TRUE(runs_until(context.get(), [&] { return !romeo.pong.empty(); }));
    EXPECT_EQ(romeo.pong, "result");

    romeo.disconnect();
    juliet.disconnect();
    EXPECT_TRUE(
        runs_until(context.get(), [&] { return romeo.is_disconnected && juliet.is_disconnected; }));
    EXPECT_EQ(romeo.error, 0);
    EXPECT_EQ(juliet.error, 0);
  }
  xmpp_shutdown();
}

// XEP-0198 §5: libstrophe asks for its session back when it is given what it kept of it.
TEST(Libstrophe, GoesOnWithItsSessionOnTheOtherNode) {
  std::signal(SIGPIPE, SIG_IGN);
  const MariaDb database;
  ClusterOfNodes cluster(database, "strophe_resumption", 2);
  TcpGate gate(cluster.node(0).c2s_port());
  xmpp_initialize();
  {
    const Context context(xmpp_ctx_new(nullptr, xmpp_get_default_logger(XMPP_LEVEL_WARN)));
    StropheClient romeo(context.get(), "romeo@localhost/orchard", "romeo");
    StropheClient juliet(context.get(), "juliet@localhost/balcony", "juliet");
    romeo.connect(cluster.node(1).c2s_port());
    juliet.connect(gate.port());
    ASSERT_TRUE(
        runs_until(context.get(), [&] { return romeo.is_connected && juliet.is_connected; }));
    // The connection is said to stand before <enabled/> has come: without it nothing can be
    // resumed.
    juliet.ping("localhost");
    ASSERT_TRUE(runs_until(context.get(), [&] { return !juliet.pong.empty(); }));
    ASSERT_TRUE(reaches(context.get(), romeo, juliet, "before"));
    gate.cut();
    ASSERT_TRUE(runs_until(context.get(), [&] { return juliet.is_disconnected; }));
    romeo.say(juliet.jid, "meanwhile");

    StropheClient again(context.get(), "juliet@localhost/balcony", "juliet");
    again.go_on_from(juliet);
    again.connect(cluster.node(1).c2s_port());
    ASSERT_TRUE(runs_until(context.get(), [&] { return again.is_connected; }));
    EXPECT_TRUE(runs_until(context.get(), [&] { return again.body == "meanwhile"; }));
    const std::string metrics = cluster.node(1).health("/metrics").body;
    EXPECT_NE(metrics.find("meerkat_resumes_total{result=\"ok\",where=\"other_node\"} 1"),
              std::string::npos)
        << metrics;
    romeo.disconnect();
    again.disconnect();
    EXPECT_TRUE(
        runs_until(context.get(), [&] { return romeo.is_disconnected && again.is_disconnected; }));
  }
  xmpp_shutdown();
}

}  // namespace
}  // namespace tests
