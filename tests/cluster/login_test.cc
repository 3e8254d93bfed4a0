// Logins in one round trip on whole nodes over TLS: XEP-0388 with XEP-0386, XEP-0198 §12 and
// XEP-0484.

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "tests/support/mariadb.h"
#include "tests/support/node_process.h"
#include "tests/support/xmpp_client.h"
#include "xmpp/namespaces.h"
#include "xmpp/sasl/base64.h"
#include "xmpp/sasl/channel_binding.h"
#include "xmpp/sasl/hashed_token.h"

namespace tests {
namespace {

using std::string_literals::operator""s;
using xmpp::TokenMechanism;

const std::string resumable =
    "<bind xmlns='urn:xmpp:bind:0'><tag>Phone</tag>"
    "<enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>";

struct X509Free {
  void operator()(X509* certificate) const { X509_free(certificate); }
};

/// A phone of Juliet's, as its user carries it from network to network.
class Phone {
 public:
  explicit Phone(std::string id) : id_(std::move(id)) {}

  void connect(std::uint16_t port) {
    client_.emplace(port);
    client_->start_tls("localhost");
  }

  /// The server's answer: success, failure or the stream's error.
  xmpp::Stanza log_in(const std::string& mechanism, const std::string& message,
                      const std::string& wishes) {
    client_->send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='" + mechanism +
                  "'><initial-response>" + xmpp::base64_encode(message) +
                  "</initial-response><user-agent id='" + id_ + "'/>" + wishes + "</authenticate>");
    auto answer = client_->receive();
    if (!answer) throw std::runtime_error("the login was not answered");
    const auto token = answer->root().child("token", xmpp::ns::fast);
    if (token) token_ = xmpp::Secret(std::string(token.attr("token")));
    return *std::move(answer);
  }

  xmpp::Stanza by_password(const std::string& wishes = "", const std::string& word = "juliet") {
    return log_in("PLAIN", "\0juliet\0"s + word, wishes);
  }

  /// The proof that the phone has its token, on this connection.
  std::string proof(TokenMechanism mechanism) {
    return xmpp::token_message("juliet", token_, binding(mechanism));
  }

  /// "ok", when the server has shown that it knows the token too; or why not.
  std::string by_token(TokenMechanism mechanism, const std::string& wishes = "",
                       const std::string& fast = "<fast xmlns='urn:xmpp:fast:0'/>") {
    const xmpp::Secret used = token_;
    const auto answer = log_in(std::string(xmpp::name(mechanism)), proof(mechanism), fast + wishes);
    if (answer.root().name() == "failure") return std::string(answer.root().first_child().name());
    const auto data =
        xmpp::base64_decode(answer.root().child("additional-data", xmpp::ns::sasl2).text());
    if (!data || *data != xmpp::token_answer(used, binding(mechanism))) return "not the server";
    return "ok";
  }

  XmppClient& client() { return *client_; }
  const xmpp::Secret& token() const { return token_; }
  void use_token(xmpp::Secret token) { token_ = std::move(token); }
  void lose_connection() { client_.reset(); }

 private:
  std::string binding(TokenMechanism mechanism) {
    if (mechanism == TokenMechanism::none) return "";
    if (mechanism == TokenMechanism::expr) return xmpp::tls_exporter_binding(client_->tls())->data;
    const std::unique_ptr<X509, X509Free> certificate(SSL_get1_peer_certificate(client_->tls()));
    return xmpp::tls_server_end_point_binding(certificate.get())->data;
  }

  std::string id_;
  xmpp::Secret token_;
  std::optional<XmppClient> client_;
};

std::string jid_in(const xmpp::Stanza& success) {
  return success.root().child("authorization-identifier", xmpp::ns::sasl2).text();
}

std::string request(TokenMechanism mechanism) {
  return "<request-token xmlns='urn:xmpp:fast:0' mechanism='" + std::string(xmpp::name(mechanism)) +
         "'/>";
}

class Login : public testing::Test {
 protected:
  static void SetUpTestSuite() { database_ = std::make_unique<MariaDb>(); }
  static void TearDownTestSuite() { database_.reset(); }

  Login()
      : cluster_(*database_, testing::UnitTest::GetInstance()->current_test_info()->name(), 2) {}

  std::uint16_t port(std::size_t node) { return cluster_.node(node).c2s_port(); }

  /// Connected to the node, with a token for the mechanism.
  Phone with_token(std::size_t node, TokenMechanism mechanism) {
    Phone phone("d4565fa7-4d72-4749-b3d3-740edbf87770");
    phone.connect(port(node));
    phone.by_password(request(mechanism));
    EXPECT_FALSE(phone.token().is_empty());
    return phone;
  }

  static inline std::unique_ptr<MariaDb> database_;
  ClusterOfNodes cluster_;
};

// XEP-0484 §4, on the node that made the token, on another, and after all nodes were new.
TEST_F(Login, GoesByTokenOnEveryNode) {
  for (const TokenMechanism mechanism : xmpp::token_mechanisms) {
    Phone phone = with_token(0, mechanism);
    for (const std::size_t node : {0U, 1U}) {
      phone.connect(port(node));
      EXPECT_EQ(phone.by_token(mechanism, resumable), "ok") << xmpp::name(mechanism);
      const auto features = phone.client().receive();
      ASSERT_TRUE(features && features->root().name() == "features");
      phone.client().send("<presence/>");
      ASSERT_TRUE(phone.client().receive());
    }
  }
}

// Hardening P22
TEST_F(Login, TakesNoTokenOfAnotherConnectionClientOrMechanism) {
  Phone phone = with_token(0, TokenMechanism::expr);
  phone.connect(port(0));
  const std::string overheard = phone.proof(TokenMechanism::expr);
  Phone thief("00000000-4d72-4749-b3d3-740edbf87770");
  thief.use_token(phone.token());
  thief.connect(port(0));
  EXPECT_EQ(thief.by_token(TokenMechanism::expr), "not-authorized");
  Phone copy("d4565fa7-4d72-4749-b3d3-740edbf87770");
  copy.connect(port(1));
  const auto replayed =
      copy.log_in("HT-SHA-256-EXPR", overheard, "<fast xmlns='urn:xmpp:fast:0'/>");
  EXPECT_EQ(replayed.root().name(), "failure");
  copy.use_token(phone.token());
  EXPECT_EQ(copy.by_token(TokenMechanism::none), "not-authorized");
  EXPECT_EQ(copy.by_token(TokenMechanism::expr, "", ""), "malformed-request") << "without <fast/>";
  EXPECT_EQ(phone.by_token(TokenMechanism::expr), "ok");
}

// Hardening P22: what was seen on one node is no good on the other.
TEST_F(Login, TakesNoCountTwiceInTheCluster) {
  Phone phone = with_token(0, TokenMechanism::none);
  const auto count = [](int n) {
    return "<fast xmlns='urn:xmpp:fast:0' count='" + std::to_string(n) + "'/>";
  };
  phone.connect(port(0));
  EXPECT_EQ(phone.by_token(TokenMechanism::none, "", count(2)), "ok");
  phone.connect(port(1));
  EXPECT_EQ(phone.by_token(TokenMechanism::none, "", count(2)), "not-authorized");
  EXPECT_EQ(phone.by_token(TokenMechanism::none, "", count(3)), "ok");
}

// XEP-0484 §4.5, and hardening P21.
TEST_F(Login, TakesNoTokenThatItsUserOrANewPasswordHasEnded) {
  Phone phone = with_token(0, TokenMechanism::endp);
  phone.connect(port(1));
  EXPECT_EQ(
      phone.by_token(TokenMechanism::endp, "", "<fast xmlns='urn:xmpp:fast:0' invalidate='true'/>"),
      "ok");
  phone.connect(port(0));
  EXPECT_EQ(phone.by_token(TokenMechanism::endp), "not-authorized");

  Phone another = with_token(0, TokenMechanism::endp);
  XmppClient balcony = XmppClient::login(port(1), "juliet@localhost/balcony", "juliet");
  balcony.send(
      "<iq type='set' id='word'><query xmlns='jabber:iq:register'><username>juliet</username>"
      "<password>another</password></query></iq>");
  while (const auto answer = balcony.receive()) {
    if (answer->id() == "word") break;
  }
  another.connect(port(0));
  EXPECT_EQ(another.by_token(TokenMechanism::endp), "not-authorized");
  EXPECT_EQ(another.by_password("", "another").root().name(), "success");
}

// XEP-0198 §12: the session comes from the other node into the answer to the login.
TEST_F(Login, TakesUpASessionOfAnotherNode) {
  Phone phone = with_token(0, TokenMechanism::expr);
  phone.connect(port(0));
  const auto bound = phone.by_password(resumable);
  const std::string jid = jid_in(bound);
  const auto enabled = bound.root().child("bound", xmpp::ns::bind2).child("enabled", xmpp::ns::sm3);
  ASSERT_TRUE(enabled) << bound.to_string();
  const std::string id(enabled.attr("id"));
  phone.client().send("<presence/>");
  ASSERT_TRUE(phone.client().receive()) << "the features";
  ASSERT_TRUE(phone.client().receive()) << "its presence";

  XmppClient romeo = XmppClient::login(port(1), "romeo@localhost/orchard", "romeo");
  phone.lose_connection();
  romeo.send("<message type='chat' to='" + jid + "'><body>while you were away</body></message>");

  phone.connect(port(1));
  const std::string resume = "<resume xmlns='urn:xmpp:sm:3' h='1' previd='" + id + "'/>";
  EXPECT_EQ(phone.by_token(TokenMechanism::expr, resume + resumable), "ok");
  const auto message = phone.client().receive();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->root().child("body", xmpp::ns::client).text(), "while you were away")
      << "at once, with no features before it: " << message->to_string();

  // What is gone is bound anew, and its former place is not asked for long.
  phone.connect(port(0));
  const std::string unknown = "<resume xmlns='urn:xmpp:sm:3' h='1' previd='" + id + "x'/>";
  const auto again = phone.by_password(unknown + resumable);
  EXPECT_TRUE(again.root().child("failed", xmpp::ns::sm3)) << again.to_string();
  EXPECT_TRUE(again.root().child("bound", xmpp::ns::bind2)) << again.to_string();
  EXPECT_EQ(jid_in(again), jid) << "the same client";
}

// XEP-0386 §3.2: of one client there is one session, on whichever node.
TEST_F(Login, EndsTheSessionThatTheClientHasOnAnotherNode) {
  Phone phone("d4565fa7-4d72-4749-b3d3-740edbf87770");
  phone.connect(port(0));
  const std::string jid = jid_in(phone.by_password(resumable));
  Phone again("d4565fa7-4d72-4749-b3d3-740edbf87770");
  again.connect(port(1));
  EXPECT_EQ(jid_in(again.by_password(resumable)), jid);
  EXPECT_EQ(phone.client().receive_stream_error(), "conflict");
}

}  // namespace
}  // namespace tests
